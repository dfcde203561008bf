// The gradients of batch normalisation; blocks, `parts` and `saved` as in norm.cu.
//
// With d the gradient behind the rectifier: parts are the sums of d and of d (x - mean), and
// dx = a d + k1 x + k0 with `slopes` [3][C]: a, k1, k0. The residual gets d.

template <int V>
__device__ inline void gradient_sums(const real *x, const real *y, const real *dy,
                                     const float *mean, float *parts, integer rows,
                                     integer channels, integer share, integer relu) {
  __shared__ float shared[2][THREADS * V];
  integer channel = ((integer)blockIdx.x * blockDim.x + threadIdx.x) * V;
  integer row = blockIdx.y * share + threadIdx.y, end = (blockIdx.y + 1) * share;
  if (end > rows) end = rows;
  float plain[V], centred[V], middle[V];
  for (int v = 0; v < V; ++v) {
    plain[v] = centred[v] = 0.0f;
    middle[v] = channel < channels ? mean[channel + v] : 0.0f;
  }
  if (channel < channels) {
#pragma unroll 4
    for (; row < end; row += blockDim.y) {
      integer place = row * channels + channel;
      Pack<V> input = pack<V>(x, place), gradient = pack<V>(dy, place), output = gradient;
      if (relu) output = pack<V>(y, place);
      for (int v = 0; v < V; ++v) {
        float d = number(gradient.of[v]);
        if (relu) d = rectified_gradient(number(output.of[v]), d);
        plain[v] += d;
        centred[v] += d * (number(input.of[v]) - middle[v]);
      }
    }
  }
  int across = blockDim.x, mine = threadIdx.y * across + threadIdx.x;
  for (int v = 0; v < V; ++v) {
    shared[0][mine * V + v] = plain[v];
    shared[1][mine * V + v] = centred[v];
  }
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      for (int v = 0; v < V; ++v) {
        int at = mine * V + v, from = at + half * across * V;
        shared[0][at] += shared[0][from];
        shared[1][at] += shared[1][from];
      }
    }
  }
  __syncthreads();
  if (threadIdx.y == 0 && channel < channels) {
    for (int v = 0; v < V; ++v) {
      float *part = parts + blockIdx.y * 2 * channels + channel + v;
      part[0] = shared[0][mine * V + v];
      part[channels] = shared[1][mine * V + v];
    }
  }
}

KERNEL norm_sums(const real *x, const real *y, const real *dy, const float *mean, float *parts,
                 integer rows, integer channels, integer share, integer relu) {
  gradient_sums<1>(x, y, dy, mean, parts, rows, channels, share, relu);
}

KERNEL norm_sums_wide(const real *x, const real *y, const real *dy, const float *mean,
                      float *parts, integer rows, integer channels, integer share, integer relu) {
  gradient_sums<WIDE>(x, y, dy, mean, parts, rows, channels, share, relu);
}

// The gradients of gamma and beta, and the slopes. `own`: the statistics are the batch's own.
KERNEL norm_slopes(float *slopes, float *daffine, const float *parts, const float *saved,
                   const float *affine, integer rows, integer channels, integer share,
                   integer own) {
  __shared__ double shared[2][32][8];
  integer channel = (integer)blockIdx.x * 8 + threadIdx.x, count = (rows + share - 1) / share;
  double plain = 0.0, centred = 0.0;
  unsigned x = threadIdx.x, y = threadIdx.y;
  for (integer part = y; part < count && channel < channels; part += 32) {
    const float *values = parts + part * 2 * channels + channel;
    plain += values[0];
    centred += values[channels];
  }
  shared[0][y][x] = plain, shared[1][y][x] = centred;
  for (unsigned half = 16; half > 0; half /= 2) {
    __syncthreads();
    if (y < half) {
      shared[0][y][x] += shared[0][y + half][x];
      shared[1][y][x] += shared[1][y + half][x];
    }
  }
  if (y != 0 || channel >= channels) return;
  plain = shared[0][0][x], centred = shared[1][0][x];
  double inverse = saved[channels + channel], mean = saved[channel];
  double a = affine[channel] * inverse, part = own ? 1.0 / (double)rows : 0.0;
  double k1 = -a * inverse * inverse * centred * part;
  slopes[channel] = (float)a;
  slopes[channels + channel] = (float)k1;
  slopes[2 * channels + channel] = (float)(-a * plain * part - k1 * mean);
  daffine[channel] = (float)(centred * inverse);
  daffine[channels + channel] = (float)plain;
}

// `dr` is null where nobody wants the residual's gradient.
template <int V>
__device__ inline void gradients(real *dx, real *dr, const real *x, const real *y, const real *dy,
                                 const float *slopes, integer rows, integer channels,
                                 integer share, integer relu) {
  integer channel = ((integer)blockIdx.x * blockDim.x + threadIdx.x) * V;
  integer row = blockIdx.y * share + threadIdx.y, end = (blockIdx.y + 1) * share;
  if (channel >= channels) return;
  if (end > rows) end = rows;
  float a[V], k1[V], k0[V];
  for (int v = 0; v < V; ++v) {
    a[v] = slopes[channel + v];
    k1[v] = slopes[channels + channel + v];
    k0[v] = slopes[2 * channels + channel + v];
  }
#pragma unroll 4
  for (; row < end; row += blockDim.y) {
    integer place = row * channels + channel;
    Pack<V> input = pack<V>(x, place), gradient = pack<V>(dy, place), output = gradient, result;
    if (relu) output = pack<V>(y, place);
    for (int v = 0; v < V; ++v) {
      float d = number(gradient.of[v]);
      if (relu) d = rectified_gradient(number(output.of[v]), d);
      put(gradient.of[v], d);
      put(result.of[v], a[v] * d + k1[v] * number(input.of[v]) + k0[v]);
    }
    *(Pack<V> *)(dx + place) = result;
    if (dr) *(Pack<V> *)(dr + place) = gradient;
  }
}

KERNEL norm_gradients(real *dx, real *dr, const real *x, const real *y, const real *dy,
                      const float *slopes, integer rows, integer channels, integer share,
                      integer relu) {
  gradients<1>(dx, dr, x, y, dy, slopes, rows, channels, share, relu);
}

KERNEL norm_gradients_wide(real *dx, real *dr, const real *x, const real *y, const real *dy,
                           const float *slopes, integer rows, integer channels, integer share,
                           integer relu) {
  gradients<WIDE>(dx, dr, x, y, dy, slopes, rows, channels, share, relu);
}
