// What all kernels of the operations share. The sources are compiled as one program, twice: `real`,
// the number that activations are kept in, is float, or bf16 where REAL_IS_BF16 is defined.
//
// Nothing is included, so that NVRTC needs no headers; integers are long long, as the host passes
// them. Sums are taken in a fixed order: by each thread over its own terms, then over the block as
// a tree, then over blocks in order. No atomics.
//
// Everywhere: activations [rows = N * H * W][channels], contiguous.

typedef long long integer;

#ifdef REAL_IS_BF16
struct alignas(2) real { unsigned short bits; };
#define WIDE 8  // values of 16 bytes
#else
typedef float real;
#define WIDE 4
#endif

#define THREADS 256  // of every block
#define KERNEL extern "C" __global__ void

__device__ inline float bf16_to_float(unsigned short bits) {
  return __uint_as_float((unsigned)bits << 16);
}

// To the nearest, ties to even; a NaN stays one.
__device__ inline unsigned short float_to_bf16(float value) {
  unsigned bits = __float_as_uint(value);
  if (value != value) return (unsigned short)(bits >> 16 | 0x40);
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

__device__ inline float number(float value) { return value; }
__device__ inline void put(float &to, float value) { to = value; }
#ifdef REAL_IS_BF16
__device__ inline float number(real value) { return bf16_to_float(value.bits); }
__device__ inline void put(real &to, float value) { to.bits = float_to_bf16(value); }
#endif

// What a value is as the operand of a product: rounded to bf16 where that is asked for.
__device__ inline float operand(float value, integer rounds) {
  return rounds ? bf16_to_float(float_to_bf16(value)) : value;
}

// V neighbouring channels, moved by one instruction.
template <int V>
struct alignas(V * sizeof(real)) Pack {
  real of[V];
};

template <int V>
__device__ inline Pack<V> pack(const real *from, integer place) {
  return *(const Pack<V> *)(from + place);
}

// max(x, 0), and NaN for NaN.
__device__ inline float rectify(float x) { return x < 0.0f ? 0.0f : x; }

__device__ inline float rectified_gradient(float y, float dy) { return y <= 0.0f ? 0.0f : dy; }

__device__ inline integer thread_number() {
  return (integer)blockIdx.x * blockDim.x + threadIdx.x;
}

// The sum over all threads of a block of 256, in thread 0.
template <typename T>
__device__ inline T block_sum(T value) {
  __shared__ T sums[THREADS];
  int thread = threadIdx.x;
  __syncthreads();  // the sums of a call before may still be read
  sums[thread] = value;
  for (int half = THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) sums[thread] += sums[thread + half];
  }
  return sums[0];
}
