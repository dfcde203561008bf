// Max-pooling with saved indices, and the global average.
//
// The first maximum of a window takes the gradient, top to bottom, left to right; a NaN counts as
// the greatest, and the last NaN of a window wins: both as in PyTorch.

struct Window {
  integer h, w, c, h_out, w_out, kernel, stride, padding;
};

// A thread V channels of an output pixel.
template <int V>
__device__ inline void max_pool(real *y, unsigned char *indices, const real *x, Window s,
                                integer count) {
  integer i = thread_number() * V;
  if (i >= count) return;
  integer channel = i % s.c, column = i / s.c % s.w_out, row = i / s.c / s.w_out % s.h_out;
  integer image = i / s.c / s.w_out / s.h_out;
  float best[V];
  unsigned char index[V];
  bool is_first = true;
  for (integer ky = 0; ky < s.kernel; ++ky) {
    integer line = row * s.stride + ky - s.padding;
    if (line < 0 || line >= s.h) continue;
    for (integer kx = 0; kx < s.kernel; ++kx) {
      integer place = column * s.stride + kx - s.padding;
      if (place < 0 || place >= s.w) continue;
      Pack<V> values = pack<V>(x, ((image * s.h + line) * s.w + place) * s.c + channel);
      for (int v = 0; v < V; ++v) {
        float value = number(values.of[v]);
        if (is_first || value > best[v] || value != value) {
          best[v] = value;
          index[v] = (unsigned char)(ky * s.kernel + kx);
        }
      }
      is_first = false;
    }
  }
  for (int v = 0; v < V; ++v) {
    put(y[i + v], best[v]);
    indices[i + v] = index[v];
  }
}

KERNEL max_pool_forward(real *y, unsigned char *indices, const real *x, integer h, integer w,
                        integer c, integer h_out, integer w_out, integer kernel, integer stride,
                        integer padding, integer count) {
  Window sizes = {h, w, c, h_out, w_out, kernel, stride, padding};
  max_pool<1>(y, indices, x, sizes, count);
}

KERNEL max_pool_forward_wide(real *y, unsigned char *indices, const real *x, integer h, integer w,
                             integer c, integer h_out, integer w_out, integer kernel,
                             integer stride, integer padding, integer count) {
  Window sizes = {h, w, c, h_out, w_out, kernel, stride, padding};
  max_pool<WIDE>(y, indices, x, sizes, count);
}

// A thread V channels of an input pixel: it gathers from the windows that it lies in, in order.
template <int V>
__device__ inline void max_pool_back(real *dx, const unsigned char *indices, const real *dy,
                                     Window s, integer count) {
  integer i = thread_number() * V;
  if (i >= count) return;
  integer channel = i % s.c, column = i / s.c % s.w + s.padding;
  integer row = i / s.c / s.w % s.h + s.padding, image = i / s.c / s.w / s.h;
  float sum[V];
  for (int v = 0; v < V; ++v) sum[v] = 0.0f;
  integer top = row < s.kernel ? 0 : (row - s.kernel) / s.stride + 1;
  integer left = column < s.kernel ? 0 : (column - s.kernel) / s.stride + 1;
  for (integer line = top; line <= row / s.stride && line < s.h_out; ++line) {
    for (integer place = left; place <= column / s.stride && place < s.w_out; ++place) {
      integer tap = (row - line * s.stride) * s.kernel + column - place * s.stride;
      integer at = ((image * s.h_out + line) * s.w_out + place) * s.c + channel;
      Pack<V> gradient = pack<V>(dy, at);
      for (int v = 0; v < V; ++v)
        if (indices[at + v] == tap) sum[v] += number(gradient.of[v]);
    }
  }
  for (int v = 0; v < V; ++v) put(dx[i + v], sum[v]);
}

KERNEL max_pool_backward(real *dx, const unsigned char *indices, const real *dy, integer h,
                         integer w, integer c, integer h_out, integer w_out, integer kernel,
                         integer stride, integer padding, integer count) {
  Window sizes = {h, w, c, h_out, w_out, kernel, stride, padding};
  max_pool_back<1>(dx, indices, dy, sizes, count);
}

KERNEL max_pool_backward_wide(real *dx, const unsigned char *indices, const real *dy, integer h,
                              integer w, integer c, integer h_out, integer w_out, integer kernel,
                              integer stride, integer padding, integer count) {
  Window sizes = {h, w, c, h_out, w_out, kernel, stride, padding};
  max_pool_back<WIDE>(dx, indices, dy, sizes, count);
}

// A block 32 channels (x) of an image, one image after the other; its threads y along the pixels.
KERNEL average_forward(real *y, const real *x, integer pixels, integer channels) {
  __shared__ float sums[8][32];
  integer blocks = (channels + 31) / 32, image = (integer)blockIdx.x / blocks;
  integer channel = (integer)blockIdx.x % blocks * 32 + threadIdx.x;
  float sum = 0.0f;
  if (channel < channels) {
    for (integer pixel = threadIdx.y; pixel < pixels; pixel += 8)
      sum += number(x[(image * pixels + pixel) * channels + channel]);
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  for (unsigned half = 4; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half)
      sums[threadIdx.y][threadIdx.x] += sums[threadIdx.y + half][threadIdx.x];
  }
  if (threadIdx.y == 0 && channel < channels)
    put(y[image * channels + channel], sums[0][threadIdx.x] * (1.0f / (float)pixels));
}

KERNEL average_backward(real *dx, const real *dy, integer pixels, integer channels,
                        integer count) {
  integer i = thread_number();
  if (i >= count) return;
  float gradient = number(dy[i / channels / pixels * channels + i % channels]);
  put(dx[i], gradient * (1.0f / (float)pixels));
}
