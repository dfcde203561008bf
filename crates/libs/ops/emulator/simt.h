// SIMT execution of kernels on the CPU. The sources of the kernels are compiled behind this header,
// as C or C++; src/cuda/emulator.rs appends the table of kernels.
//
// The threads of a block are fibers that take turns at barriers. Blocks run one after the other, so
// shared memory is static. Threads run in ascending or descending order, which must give the same
// results: a missing barrier shows as a difference.
#include <math.h>
#include <string.h>
#include <ucontext.h>

#define KERNEL static void
#define DEVICE static
#define __device__
#define __shared__ static
#define __syncthreads emu_barrier

typedef struct {
  unsigned x, y, z;
} EmuDim3;
static EmuDim3 threadIdx, blockIdx, blockDim;

static inline float __uint_as_float(unsigned bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline unsigned __float_as_uint(float value) {
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

enum { EMU_MAX_THREADS = 256, EMU_STACK_BYTES = 1 << 16 };

typedef struct {
  ucontext_t context;
  int is_done;
  char stack[EMU_STACK_BYTES] __attribute__((aligned(64)));
} EmuFiber;

typedef struct {
  const char *name;
  void (*run)(void **);  // calls the kernel with the values that the array points to
  const char *kinds;     // of the arguments: p pointer, i index_t, f float, d double
} EmuKernel;

static EmuFiber emu_fibers[EMU_MAX_THREADS];
static ucontext_t emu_scheduler;
static unsigned emu_current;
static const EmuKernel *emu_kernel;
static void **emu_arguments;

static inline void emu_barrier(void) {
  swapcontext(&emu_fibers[emu_current].context, &emu_scheduler);
}

static void emu_fiber(void) {
  emu_kernel->run(emu_arguments);
  emu_fibers[emu_current].is_done = 1;
}

// Returns 0 if some threads wait at a barrier that others never reach.
static int emu_run_block(int is_descending) {
  unsigned threads = blockDim.x * blockDim.y, done = 0;
  for (unsigned t = 0; t < threads; ++t) {
    EmuFiber *fiber = &emu_fibers[t];
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = EMU_STACK_BYTES;
    fiber->context.uc_link = &emu_scheduler;
    fiber->is_done = 0;
    makecontext(&fiber->context, emu_fiber, 0);
  }
  while (done < threads) {
    if (done != 0) return 0;
    for (unsigned t = 0; t < threads; ++t) {
      emu_current = is_descending ? threads - 1 - t : t;
      threadIdx.x = emu_current % blockDim.x;
      threadIdx.y = emu_current / blockDim.x;
      swapcontext(&emu_scheduler, &emu_fibers[emu_current].context);
      done += (unsigned)emu_fibers[emu_current].is_done;
    }
  }
  return 1;
}

// `sizes`: grid x and y, block x and y, and whether threads run in descending order. `kinds` may be
// null. Returns 0: done, 1: no such kernel, 2: other argument types, 3: threads diverge at a
// barrier.
static int emu_launch(const EmuKernel *kernels, unsigned count, const char *name, const char *kinds,
                      const unsigned *sizes, void **arguments) {
  for (emu_kernel = kernels; emu_kernel < kernels + count; ++emu_kernel) {
    if (strcmp(emu_kernel->name, name) != 0) continue;
    if (kinds && strcmp(emu_kernel->kinds, kinds) != 0) return 2;
    emu_arguments = arguments;
    blockDim.x = sizes[2], blockDim.y = sizes[3], blockDim.z = 1;
    for (blockIdx.y = 0; blockIdx.y < sizes[1]; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < sizes[0]; ++blockIdx.x)
        if (!emu_run_block(sizes[4] != 0)) return 3;
    return 0;
  }
  return 1;
}
