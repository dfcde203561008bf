// Batch normalisation, fused with the residual and the rectifier behind it.
//
// A block has x threads along channels, V channels each, and y threads along rows; blocks lie along
// channels (x) and along parts of the rows (y). `parts` are [part][2][C]. `saved` is [5][C]: mean,
// 1 / deviation, unbiased variance, and the map a x + b of the forward pass. `affine` is gamma, beta.

struct Moments {
  float count, mean, square;  // `square`: the sum of squares about the mean
};

// Chan, Golub and LeVeque, 1979.
__device__ inline Moments merged(Moments a, Moments b) {
  if (b.count == 0.0f) return a;
  if (a.count == 0.0f) return b;
  float count = a.count + b.count, delta = b.mean - a.mean;
  Moments sum;
  sum.count = count;
  sum.mean = a.mean + delta * (b.count / count);
  sum.square = a.square + b.square + delta * delta * (a.count * (b.count / count));
  return sum;
}

// Sums about the thread's first row, so that a large mean does not eat the variance.
template <int V>
__device__ inline void moments(const real *x, float *parts, integer rows, integer channels,
                               integer share) {
  __shared__ float shared[3][THREADS * V];
  integer channel = ((integer)blockIdx.x * blockDim.x + threadIdx.x) * V;
  integer row = blockIdx.y * share + threadIdx.y, end = (blockIdx.y + 1) * share;
  if (end > rows) end = rows;
  float first[V], sum[V], square[V], count = 0.0f;
  for (int v = 0; v < V; ++v) first[v] = sum[v] = square[v] = 0.0f;
  if (channel < channels) {
#pragma unroll 4
    for (; row < end; row += blockDim.y) {
      Pack<V> values = pack<V>(x, row * channels + channel);
      for (int v = 0; v < V; ++v) {
        float value = number(values.of[v]);
        if (count == 0.0f) first[v] = value;
        float d = value - first[v];
        sum[v] += d;
        square[v] += d * d;
      }
      count += 1.0f;
    }
  }
  int across = blockDim.x, mine = threadIdx.y * across + threadIdx.x;
  for (int v = 0; v < V; ++v) {
    float mean = count == 0.0f ? 0.0f : sum[v] / count;
    float about = square[v] - sum[v] * mean;
    shared[0][mine * V + v] = count;
    shared[1][mine * V + v] = first[v] + mean;
    shared[2][mine * V + v] = about < 0.0f ? 0.0f : about;
  }
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      for (int v = 0; v < V; ++v) {
        int at = mine * V + v, from = at + half * across * V;
        Moments a = {shared[0][at], shared[1][at], shared[2][at]};
        Moments b = {shared[0][from], shared[1][from], shared[2][from]};
        Moments both = merged(a, b);
        shared[0][at] = both.count;
        shared[1][at] = both.mean;
        shared[2][at] = both.square;
      }
    }
  }
  __syncthreads();
  if (threadIdx.y == 0 && channel < channels) {
    for (int v = 0; v < V; ++v) {
      float *part = parts + blockIdx.y * 2 * channels + channel + v;
      part[0] = shared[1][mine * V + v];
      part[channels] = shared[2][mine * V + v];
    }
  }
}

KERNEL norm_moments(const real *x, float *parts, integer rows, integer channels, integer share) {
  moments<1>(x, parts, rows, channels, share);
}

KERNEL norm_moments_wide(const real *x, float *parts, integer rows, integer channels,
                         integer share) {
  moments<WIDE>(x, parts, rows, channels, share);
}

// A thread a channel.
__device__ inline void save(float *saved, const float *affine, integer channel, integer channels,
                            double mean, double inverse) {
  float a = affine[channel] * (float)inverse;
  saved[channel] = (float)mean;
  saved[channels + channel] = (float)inverse;
  saved[3 * channels + channel] = a;
  saved[4 * channels + channel] = affine[channels + channel] - a * (float)mean;
}

// The parts of each channel, in order: thread y of 32 takes every 32nd, then a tree.
KERNEL norm_finish(float *saved, const float *parts, const float *affine, integer rows,
                   integer channels, integer share, double eps) {
  __shared__ double shared[3][32][8];
  integer channel = (integer)blockIdx.x * 8 + threadIdx.x, count = (rows + share - 1) / share;
  double seen = 0.0, mean = 0.0, square = 0.0;
  unsigned x = threadIdx.x, y = threadIdx.y;
  for (integer part = y; part < count && channel < channels; part += 32) {
    const float *values = parts + part * 2 * channels + channel;
    double mine = (double)(part + 1 < count ? share : rows - part * share);
    double delta = (double)values[0] - mean, weight = mine / (seen + mine);
    mean += delta * weight;
    square += (double)values[channels] + delta * delta * seen * weight;
    seen += mine;
  }
  shared[0][y][x] = seen, shared[1][y][x] = mean, shared[2][y][x] = square;
  for (unsigned half = 16; half > 0; half /= 2) {
    __syncthreads();
    if (y < half && shared[0][y + half][x] > 0.0) {
      double mine = shared[0][y][x], other = shared[0][y + half][x];
      double delta = shared[1][y + half][x] - shared[1][y][x], weight = other / (mine + other);
      shared[0][y][x] = mine + other;
      shared[1][y][x] += delta * weight;
      shared[2][y][x] += shared[2][y + half][x] + delta * delta * mine * weight;
    }
  }
  if (y != 0 || channel >= channels) return;
  double total = (double)rows, variance = shared[2][0][x] / total;
  save(saved, affine, channel, channels, shared[1][0][x], 1.0 / sqrt(variance + eps));
  saved[2 * channels + channel] = (float)(variance * total / (total - 1.0));
}

// Statistics from elsewhere instead of the batch's own.
KERNEL norm_fixed(float *saved, const float *mean, const float *variance, const float *affine,
                  integer channels, double eps) {
  integer channel = thread_number();
  if (channel >= channels) return;
  double inverse = 1.0 / sqrt((double)variance[channel] + eps);
  save(saved, affine, channel, channels, mean[channel], inverse);
  saved[2 * channels + channel] = variance[channel];
}

// y = relu?(a x + b + residual?); without `a`: 1. `y` may be `x`.
template <int V>
__device__ inline void apply(real *y, const real *x, const real *residual, const float *a,
                             const float *b, integer rows, integer channels, integer share,
                             integer relu) {
  integer channel = ((integer)blockIdx.x * blockDim.x + threadIdx.x) * V;
  integer row = blockIdx.y * share + threadIdx.y, end = (blockIdx.y + 1) * share;
  if (channel >= channels) return;
  if (end > rows) end = rows;
  float slope[V], offset[V];
  for (int v = 0; v < V; ++v) {
    slope[v] = a ? a[channel + v] : 1.0f;
    offset[v] = b[channel + v];
  }
#pragma unroll 4
  for (; row < end; row += blockDim.y) {
    integer place = row * channels + channel;
    Pack<V> values = pack<V>(x, place), result;
    if (residual) {
      Pack<V> more = pack<V>(residual, place);
      for (int v = 0; v < V; ++v) {
        float value = number(values.of[v]) * slope[v] + offset[v] + number(more.of[v]);
        put(result.of[v], relu ? rectify(value) : value);
      }
    } else {
      for (int v = 0; v < V; ++v) {
        float value = number(values.of[v]) * slope[v] + offset[v];
        put(result.of[v], relu ? rectify(value) : value);
      }
    }
    *(Pack<V> *)(y + place) = result;
  }
}

KERNEL norm_apply(real *y, const real *x, const real *residual, const float *a, const float *b,
                  integer rows, integer channels, integer share, integer relu) {
  apply<1>(y, x, residual, a, b, rows, channels, share, relu);
}

KERNEL norm_apply_wide(real *y, const real *x, const real *residual, const float *a,
                       const float *b, integer rows, integer channels, integer share,
                       integer relu) {
  apply<WIDE>(y, x, residual, a, b, rows, channels, share, relu);
}
