// Max pooling with saved indices, and global average pooling.
//
// Ties as in PyTorch: the first maximum of a window (rows, then columns) receives the gradient; NaN
// counts as the largest value, and the last NaN of a window wins.

struct Window {
  index_t h, w, c, h_out, w_out, kernel, stride, padding;
};

// One thread per V channels of an output pixel.
template <int V>
__device__ inline void max_pool(act_t *y, unsigned char *indices, const act_t *x, Window s,
                                index_t count) {
  index_t i = global_thread_index() * V;
  if (i >= count) return;
  index_t channel = i % s.c, column = i / s.c % s.w_out, row = i / s.c / s.w_out % s.h_out;
  index_t image = i / s.c / s.w_out / s.h_out;
  float best[V];
  unsigned char index[V];
  bool is_first = true;
  for (index_t ky = 0; ky < s.kernel; ++ky) {
    index_t in_row = row * s.stride + ky - s.padding;
    if (in_row < 0 || in_row >= s.h) continue;
    for (index_t kx = 0; kx < s.kernel; ++kx) {
      index_t in_column = column * s.stride + kx - s.padding;
      if (in_column < 0 || in_column >= s.w) continue;
      Vector<V> values =
          load_vector<V>(x, ((image * s.h + in_row) * s.w + in_column) * s.c + channel);
      for (int v = 0; v < V; ++v) {
        float value = to_float(values.at[v]);
        if (is_first || value > best[v] || value != value) {
          best[v] = value;
          index[v] = (unsigned char)(ky * s.kernel + kx);
        }
      }
      is_first = false;
    }
  }
  for (int v = 0; v < V; ++v) {
    store(y[i + v], best[v]);
    indices[i + v] = index[v];
  }
}

KERNEL max_pool_forward(act_t *y, unsigned char *indices, const act_t *x, index_t h, index_t w,
                        index_t c, index_t h_out, index_t w_out, index_t kernel, index_t stride,
                        index_t padding, index_t count) {
  Window sizes = {h, w, c, h_out, w_out, kernel, stride, padding};
  max_pool<1>(y, indices, x, sizes, count);
}

KERNEL max_pool_forward_vector(act_t *y, unsigned char *indices, const act_t *x, index_t h,
                               index_t w, index_t c, index_t h_out, index_t w_out, index_t kernel,
                               index_t stride, index_t padding, index_t count) {
  Window sizes = {h, w, c, h_out, w_out, kernel, stride, padding};
  max_pool<VECTOR_WIDTH>(y, indices, x, sizes, count);
}

// One thread per V channels of an input pixel: gathers from the windows that contain it, in order.
template <int V>
__device__ inline void max_pool_backward_at(act_t *dx, const unsigned char *indices,
                                            const act_t *dy, Window s, index_t count) {
  index_t i = global_thread_index() * V;
  if (i >= count) return;
  index_t channel = i % s.c, column = i / s.c % s.w + s.padding;
  index_t row = i / s.c / s.w % s.h + s.padding, image = i / s.c / s.w / s.h;
  float sum[V];
  for (int v = 0; v < V; ++v) sum[v] = 0.0f;
  index_t top = row < s.kernel ? 0 : (row - s.kernel) / s.stride + 1;
  index_t left = column < s.kernel ? 0 : (column - s.kernel) / s.stride + 1;
  for (index_t in_row = top; in_row <= row / s.stride && in_row < s.h_out; ++in_row) {
    for (index_t in_column = left; in_column <= column / s.stride && in_column < s.w_out;
         ++in_column) {
      index_t tap = (row - in_row * s.stride) * s.kernel + column - in_column * s.stride;
      index_t at = ((image * s.h_out + in_row) * s.w_out + in_column) * s.c + channel;
      Vector<V> gradient = load_vector<V>(dy, at);
      for (int v = 0; v < V; ++v)
        if (indices[at + v] == tap) sum[v] += to_float(gradient.at[v]);
    }
  }
  for (int v = 0; v < V; ++v) store(dx[i + v], sum[v]);
}

KERNEL max_pool_backward(act_t *dx, const unsigned char *indices, const act_t *dy, index_t h,
                         index_t w, index_t c, index_t h_out, index_t w_out, index_t kernel,
                         index_t stride, index_t padding, index_t count) {
  Window sizes = {h, w, c, h_out, w_out, kernel, stride, padding};
  max_pool_backward_at<1>(dx, indices, dy, sizes, count);
}

KERNEL max_pool_backward_vector(act_t *dx, const unsigned char *indices, const act_t *dy, index_t h,
                                index_t w, index_t c, index_t h_out, index_t w_out, index_t kernel,
                                index_t stride, index_t padding, index_t count) {
  Window sizes = {h, w, c, h_out, w_out, kernel, stride, padding};
  max_pool_backward_at<VECTOR_WIDTH>(dx, indices, dy, sizes, count);
}

// One block per 32 channels of an image; threads x along channels, threads y along pixels.
KERNEL global_average_forward(act_t *y, const act_t *x, index_t pixels, index_t channels) {
  __shared__ float sums[8][32];
  index_t blocks = (channels + 31) / 32, image = (index_t)blockIdx.x / blocks;
  index_t channel = (index_t)blockIdx.x % blocks * 32 + threadIdx.x;
  float sum = 0.0f;
  if (channel < channels) {
    for (index_t pixel = threadIdx.y; pixel < pixels; pixel += 8)
      sum += to_float(x[(image * pixels + pixel) * channels + channel]);
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  for (unsigned half = 4; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) sums[threadIdx.y][threadIdx.x] += sums[threadIdx.y + half][threadIdx.x];
  }
  if (threadIdx.y == 0 && channel < channels)
    store(y[image * channels + channel], sums[0][threadIdx.x] * (1.0f / (float)pixels));
}

KERNEL global_average_backward(act_t *dx, const act_t *dy, index_t pixels, index_t channels,
                               index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  float gradient = to_float(dy[i / channels / pixels * channels + i % channels]);
  store(dx[i], gradient * (1.0f / (float)pixels));
}
