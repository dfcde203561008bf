// Batch normalisation fused with the residual and the ReLU that follow it.
//
// A block has x threads along channels, V channels each, and y threads along rows; the grid covers
// the channels (x) and slices of rows (y). `partials` is [slice][2][C]. `statistics` is [5][C]:
// mean, 1 / std, unbiased variance, and the coefficients a, b of the forward pass a x + b. `affine`
// is [2][C]: gamma, beta.

struct Moments {
  float count, mean, square;  // `square`: the sum of squares about the mean
};

// Parallel variance: Chan, Golub and LeVeque (1979).
__device__ inline Moments merge_moments(Moments a, Moments b) {
  if (b.count == 0.0f) return a;
  if (a.count == 0.0f) return b;
  float count = a.count + b.count, delta = b.mean - a.mean;
  Moments sum;
  sum.count = count;
  sum.mean = a.mean + delta * (b.count / count);
  sum.square = a.square + b.square + delta * delta * (a.count * (b.count / count));
  return sum;
}

// Each thread sums deviations from its first row, so a large mean does not cancel the variance.
template <int V>
__device__ inline void moments(const act_t *x, float *partials, index_t rows, index_t channels,
                               index_t rows_per_block) {
  __shared__ float shared[3][THREADS * V];
  index_t channel = ((index_t)blockIdx.x * blockDim.x + threadIdx.x) * V;
  index_t row = blockIdx.y * rows_per_block + threadIdx.y, end = (blockIdx.y + 1) * rows_per_block;
  if (end > rows) end = rows;
  float first[V], sum[V], square[V], count = 0.0f;
  for (int v = 0; v < V; ++v) first[v] = sum[v] = square[v] = 0.0f;
  if (channel < channels) {
#pragma unroll 4
    for (; row < end; row += blockDim.y) {
      Vector<V> values = load_vector<V>(x, row * channels + channel);
      for (int v = 0; v < V; ++v) {
        float value = to_float(values.at[v]);
        if (count == 0.0f) first[v] = value;
        float d = value - first[v];
        sum[v] += d;
        square[v] += d * d;
      }
      count += 1.0f;
    }
  }
  int across = blockDim.x, own = threadIdx.y * across + threadIdx.x;
  for (int v = 0; v < V; ++v) {
    float mean = count == 0.0f ? 0.0f : sum[v] / count;
    float about = square[v] - sum[v] * mean;
    shared[0][own * V + v] = count;
    shared[1][own * V + v] = first[v] + mean;
    shared[2][own * V + v] = about < 0.0f ? 0.0f : about;
  }
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      for (int v = 0; v < V; ++v) {
        int at = own * V + v, from = at + half * across * V;
        Moments a = {shared[0][at], shared[1][at], shared[2][at]};
        Moments b = {shared[0][from], shared[1][from], shared[2][from]};
        Moments both = merge_moments(a, b);
        shared[0][at] = both.count;
        shared[1][at] = both.mean;
        shared[2][at] = both.square;
      }
    }
  }
  __syncthreads();
  if (threadIdx.y == 0 && channel < channels) {
    for (int v = 0; v < V; ++v) {
      float *part = partials + blockIdx.y * 2 * channels + channel + v;
      part[0] = shared[1][own * V + v];
      part[channels] = shared[2][own * V + v];
    }
  }
}

KERNEL norm_moments(const act_t *x, float *partials, index_t rows, index_t channels,
                    index_t rows_per_block) {
  moments<1>(x, partials, rows, channels, rows_per_block);
}

KERNEL norm_moments_vector(const act_t *x, float *partials, index_t rows, index_t channels,
                           index_t rows_per_block) {
  moments<VECTOR_WIDTH>(x, partials, rows, channels, rows_per_block);
}

// One thread per channel.
__device__ inline void store_statistics(float *statistics, const float *affine, index_t channel,
                                        index_t channels, double mean, double inv_std) {
  float a = affine[channel] * (float)inv_std;
  statistics[channel] = (float)mean;
  statistics[channels + channel] = (float)inv_std;
  statistics[3 * channels + channel] = a;
  statistics[4 * channels + channel] = affine[channels + channel] - a * (float)mean;
}

// Combines the partials of each channel in order: thread y of 32 takes every 32nd, then a tree.
KERNEL norm_statistics(float *statistics, const float *partials, const float *affine, index_t rows,
                       index_t channels, index_t rows_per_block, double eps) {
  __shared__ double shared[3][32][8];
  index_t channel = (index_t)blockIdx.x * 8 + threadIdx.x,
          count = (rows + rows_per_block - 1) / rows_per_block;
  double seen = 0.0, mean = 0.0, square = 0.0;
  unsigned x = threadIdx.x, y = threadIdx.y;
  for (index_t part = y; part < count && channel < channels; part += 32) {
    const float *values = partials + part * 2 * channels + channel;
    double own = (double)(part + 1 < count ? rows_per_block : rows - part * rows_per_block);
    double delta = (double)values[0] - mean, weight = own / (seen + own);
    mean += delta * weight;
    square += (double)values[channels] + delta * delta * seen * weight;
    seen += own;
  }
  shared[0][y][x] = seen, shared[1][y][x] = mean, shared[2][y][x] = square;
  for (unsigned half = 16; half > 0; half /= 2) {
    __syncthreads();
    if (y < half && shared[0][y + half][x] > 0.0) {
      double own = shared[0][y][x], other = shared[0][y + half][x];
      double delta = shared[1][y + half][x] - shared[1][y][x], weight = other / (own + other);
      shared[0][y][x] = own + other;
      shared[1][y][x] += delta * weight;
      shared[2][y][x] += shared[2][y + half][x] + delta * delta * own * weight;
    }
  }
  if (y != 0 || channel >= channels) return;
  double total = (double)rows, variance = shared[2][0][x] / total;
  store_statistics(statistics, affine, channel, channels, shared[1][0][x],
                   1.0 / sqrt(variance + eps));
  statistics[2 * channels + channel] = (float)(variance * total / (total - 1.0));
}

// Given (running) statistics instead of the statistics of the batch.
KERNEL norm_fixed_statistics(float *statistics, const float *mean, const float *variance,
                             const float *affine, index_t channels, double eps) {
  index_t channel = global_thread_index();
  if (channel >= channels) return;
  double inv_std = 1.0 / sqrt((double)variance[channel] + eps);
  store_statistics(statistics, affine, channel, channels, mean[channel], inv_std);
  statistics[2 * channels + channel] = variance[channel];
}

// y = relu?(a x + b + residual?). A null `a` stands for 1; `y` may alias `x`.
template <int V>
__device__ inline void apply(act_t *y, const act_t *x, const act_t *residual, const float *a,
                             const float *b, index_t rows, index_t channels, index_t rows_per_block,
                             index_t relu) {
  index_t channel = ((index_t)blockIdx.x * blockDim.x + threadIdx.x) * V;
  index_t row = blockIdx.y * rows_per_block + threadIdx.y, end = (blockIdx.y + 1) * rows_per_block;
  if (channel >= channels) return;
  if (end > rows) end = rows;
  float scale[V], shift[V];
  for (int v = 0; v < V; ++v) {
    scale[v] = a ? a[channel + v] : 1.0f;
    shift[v] = b[channel + v];
  }
#pragma unroll 4
  for (; row < end; row += blockDim.y) {
    index_t index = row * channels + channel;
    Vector<V> values = load_vector<V>(x, index), result;
    if (residual) {
      Vector<V> other = load_vector<V>(residual, index);
      for (int v = 0; v < V; ++v) {
        float value = to_float(values.at[v]) * scale[v] + shift[v] + to_float(other.at[v]);
        store(result.at[v], relu ? relu_value(value) : value);
      }
    } else {
      for (int v = 0; v < V; ++v) {
        float value = to_float(values.at[v]) * scale[v] + shift[v];
        store(result.at[v], relu ? relu_value(value) : value);
      }
    }
    *(Vector<V> *)(y + index) = result;
  }
}

KERNEL norm_apply(act_t *y, const act_t *x, const act_t *residual, const float *a, const float *b,
                  index_t rows, index_t channels, index_t rows_per_block, index_t relu) {
  apply<1>(y, x, residual, a, b, rows, channels, rows_per_block, relu);
}

KERNEL norm_apply_vector(act_t *y, const act_t *x, const act_t *residual, const float *a,
                         const float *b, index_t rows, index_t channels, index_t rows_per_block,
                         index_t relu) {
  apply<VECTOR_WIDTH>(y, x, residual, a, b, rows, channels, rows_per_block, relu);
}
