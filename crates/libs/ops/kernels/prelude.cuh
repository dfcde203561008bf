// Types, conversions and reductions shared by the kernels of the operations.
//
// The sources are concatenated and compiled twice: `act_t`, the type of activations, is float, or
// bf16 if ACT_IS_BF16 is defined. Nothing is included, so NVRTC needs no headers. The host passes
// sizes and flags as index_t.
//
// Sums have a fixed order: each thread over its own terms, then a tree over the block, then the
// blocks in order. There are no atomics.
//
// Activations are [rows = N * H * W][channels], contiguous.

typedef long long index_t;

#ifdef ACT_IS_BF16
struct alignas(2) act_t {
  unsigned short bits;
};
#define VECTOR_WIDTH 8  // values in 16 bytes
#else
typedef float act_t;
#define VECTOR_WIDTH 4
#endif

#define THREADS 256  // per block
#ifndef KERNEL
#define KERNEL extern "C" __global__ void
#endif

__device__ inline float bf16_to_float(unsigned short bits) {
  return __uint_as_float((unsigned)bits << 16);
}

// Rounds to nearest, ties to even; NaN stays NaN.
__device__ inline unsigned short float_to_bf16(float value) {
  unsigned bits = __float_as_uint(value);
  if (value != value) return (unsigned short)(bits >> 16 | 0x40);
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

__device__ inline float to_float(float value) { return value; }
__device__ inline void store(float &to, float value) { to = value; }
#ifdef ACT_IS_BF16
__device__ inline float to_float(act_t value) { return bf16_to_float(value.bits); }
__device__ inline void store(act_t &to, float value) { to.bits = float_to_bf16(value); }
#endif

// A factor of a product, rounded to bf16 if `round_to_bf16` is set.
__device__ inline float gemm_operand(float value, index_t round_to_bf16) {
  return round_to_bf16 ? bf16_to_float(float_to_bf16(value)) : value;
}

// V neighbouring channels, loaded and stored by one instruction.
template <int V>
struct alignas(V * sizeof(act_t)) Vector {
  act_t at[V];
};

template <int V>
__device__ inline Vector<V> load_vector(const act_t *from, index_t index) {
  return *(const Vector<V> *)(from + index);
}

// max(x, 0); NaN stays NaN.
__device__ inline float relu_value(float x) { return x < 0.0f ? 0.0f : x; }

__device__ inline float relu_gradient(float y, float dy) { return y <= 0.0f ? 0.0f : dy; }

__device__ inline index_t global_thread_index() {
  return (index_t)blockIdx.x * blockDim.x + threadIdx.x;
}

// The sum over the 256 threads of a block; valid in thread 0.
template <typename T>
__device__ inline T block_reduce_sum(T value) {
  __shared__ T sums[THREADS];
  int thread = threadIdx.x;
  __syncthreads();  // the sums of an earlier call may still be read
  sums[thread] = value;
  for (int half = THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) sums[thread] += sums[thread + half];
  }
  return sums[0];
}
