// Gradients of batch normalisation; blocks, `partials` and `statistics` as in norm.cu.
//
// With d the gradient after the ReLU, `partials` holds the sums of d and of d (x - mean), and
// dx = a d + k1 x + k0, where `coefficients` is [3][C]: a, k1, k0. The gradient of the residual is
// d.

template <int V>
__device__ inline void gradient_sums(const act_t *x, const act_t *y, const act_t *dy,
                                     const float *mean, float *partials, index_t rows,
                                     index_t channels, index_t rows_per_block, index_t relu) {
  __shared__ float shared[2][THREADS * V];
  index_t channel = ((index_t)blockIdx.x * blockDim.x + threadIdx.x) * V;
  index_t row = blockIdx.y * rows_per_block + threadIdx.y, end = (blockIdx.y + 1) * rows_per_block;
  if (end > rows) end = rows;
  float sum_d[V], sum_dx[V], center[V];
  for (int v = 0; v < V; ++v) {
    sum_d[v] = sum_dx[v] = 0.0f;
    center[v] = channel < channels ? mean[channel + v] : 0.0f;
  }
  if (channel < channels) {
#pragma unroll 4
    for (; row < end; row += blockDim.y) {
      index_t index = row * channels + channel;
      Vector<V> input = load_vector<V>(x, index), gradient = load_vector<V>(dy, index),
                output = gradient;
      if (relu) output = load_vector<V>(y, index);
      for (int v = 0; v < V; ++v) {
        float d = to_float(gradient.at[v]);
        if (relu) d = relu_gradient(to_float(output.at[v]), d);
        sum_d[v] += d;
        sum_dx[v] += d * (to_float(input.at[v]) - center[v]);
      }
    }
  }
  int across = blockDim.x, own = threadIdx.y * across + threadIdx.x;
  for (int v = 0; v < V; ++v) {
    shared[0][own * V + v] = sum_d[v];
    shared[1][own * V + v] = sum_dx[v];
  }
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      for (int v = 0; v < V; ++v) {
        int at = own * V + v, from = at + half * across * V;
        shared[0][at] += shared[0][from];
        shared[1][at] += shared[1][from];
      }
    }
  }
  __syncthreads();
  if (threadIdx.y == 0 && channel < channels) {
    for (int v = 0; v < V; ++v) {
      float *part = partials + blockIdx.y * 2 * channels + channel + v;
      part[0] = shared[0][own * V + v];
      part[channels] = shared[1][own * V + v];
    }
  }
}

KERNEL norm_grad_sums(const act_t *x, const act_t *y, const act_t *dy, const float *mean,
                      float *partials, index_t rows, index_t channels, index_t rows_per_block,
                      index_t relu) {
  gradient_sums<1>(x, y, dy, mean, partials, rows, channels, rows_per_block, relu);
}

KERNEL norm_grad_sums_vector(const act_t *x, const act_t *y, const act_t *dy, const float *mean,
                             float *partials, index_t rows, index_t channels,
                             index_t rows_per_block, index_t relu) {
  gradient_sums<VECTOR_WIDTH>(x, y, dy, mean, partials, rows, channels, rows_per_block, relu);
}

// The gradients of gamma and beta, and the coefficients of dx. `uses_batch_statistics` is 0 if the
// statistics were given and do not depend on x.
KERNEL norm_grad_coefficients(float *coefficients, float *daffine, const float *partials,
                              const float *statistics, const float *affine, index_t rows,
                              index_t channels, index_t rows_per_block,
                              index_t uses_batch_statistics) {
  __shared__ double shared[2][32][8];
  index_t channel = (index_t)blockIdx.x * 8 + threadIdx.x,
          count = (rows + rows_per_block - 1) / rows_per_block;
  double sum_d = 0.0, sum_dx = 0.0;
  unsigned x = threadIdx.x, y = threadIdx.y;
  for (index_t part = y; part < count && channel < channels; part += 32) {
    const float *values = partials + part * 2 * channels + channel;
    sum_d += values[0];
    sum_dx += values[channels];
  }
  shared[0][y][x] = sum_d, shared[1][y][x] = sum_dx;
  for (unsigned half = 16; half > 0; half /= 2) {
    __syncthreads();
    if (y < half) {
      shared[0][y][x] += shared[0][y + half][x];
      shared[1][y][x] += shared[1][y + half][x];
    }
  }
  if (y != 0 || channel >= channels) return;
  sum_d = shared[0][0][x], sum_dx = shared[1][0][x];
  double inv_std = statistics[channels + channel], mean = statistics[channel];
  double a = affine[channel] * inv_std, part = uses_batch_statistics ? 1.0 / (double)rows : 0.0;
  double k1 = -a * inv_std * inv_std * sum_dx * part;
  coefficients[channel] = (float)a;
  coefficients[channels + channel] = (float)k1;
  coefficients[2 * channels + channel] = (float)(-a * sum_d * part - k1 * mean);
  daffine[channel] = (float)(sum_dx * inv_std);
  daffine[channels + channel] = (float)sum_d;
}

// `dr`, the gradient of the residual, may be null.
template <int V>
__device__ inline void gradients(act_t *dx, act_t *dr, const act_t *x, const act_t *y,
                                 const act_t *dy, const float *coefficients, index_t rows,
                                 index_t channels, index_t rows_per_block, index_t relu) {
  index_t channel = ((index_t)blockIdx.x * blockDim.x + threadIdx.x) * V;
  index_t row = blockIdx.y * rows_per_block + threadIdx.y, end = (blockIdx.y + 1) * rows_per_block;
  if (channel >= channels) return;
  if (end > rows) end = rows;
  float a[V], k1[V], k0[V];
  for (int v = 0; v < V; ++v) {
    a[v] = coefficients[channel + v];
    k1[v] = coefficients[channels + channel + v];
    k0[v] = coefficients[2 * channels + channel + v];
  }
#pragma unroll 4
  for (; row < end; row += blockDim.y) {
    index_t index = row * channels + channel;
    Vector<V> input = load_vector<V>(x, index), gradient = load_vector<V>(dy, index),
              output = gradient, result;
    if (relu) output = load_vector<V>(y, index);
    for (int v = 0; v < V; ++v) {
      float d = to_float(gradient.at[v]);
      if (relu) d = relu_gradient(to_float(output.at[v]), d);
      store(gradient.at[v], d);
      store(result.at[v], a[v] * d + k1[v] * to_float(input.at[v]) + k0[v]);
    }
    *(Vector<V> *)(dx + index) = result;
    if (dr) *(Vector<V> *)(dr + index) = gradient;
  }
}

KERNEL norm_input_grad(act_t *dx, act_t *dr, const act_t *x, const act_t *y, const act_t *dy,
                       const float *coefficients, index_t rows, index_t channels,
                       index_t rows_per_block, index_t relu) {
  gradients<1>(dx, dr, x, y, dy, coefficients, rows, channels, rows_per_block, relu);
}

KERNEL norm_input_grad_vector(act_t *dx, act_t *dr, const act_t *x, const act_t *y, const act_t *dy,
                              const float *coefficients, index_t rows, index_t channels,
                              index_t rows_per_block, index_t relu) {
  gradients<VECTOR_WIDTH>(dx, dr, x, y, dy, coefficients, rows, channels, rows_per_block, relu);
}
