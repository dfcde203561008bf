// Runs kernels on the processor, for tests: the sources are compiled as C++ behind this header.
//
// A block's threads are fibers that take turns at barriers. Blocks run one after the other, so what
// is shared within a block is static here. Threads run in rising or in falling order: a kernel that
// lacks a barrier gives different results.
#include <ucontext.h>

#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __shared__ static
#define __syncthreads emulator::barrier

struct Three {
  unsigned x, y, z;
};
static Three threadIdx, blockIdx, blockDim;

static inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

static inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

namespace emulator {

const unsigned MOST = 256, STACK = 1 << 16;

struct Fiber {
  ucontext_t context;
  bool is_done;
  alignas(64) char stack[STACK];
};

static Fiber fibers[MOST];
static ucontext_t scheduler;
static unsigned current;
static void (*run)(void **);
static void **arguments;

static void barrier() { swapcontext(&fibers[current].context, &scheduler); }

static void entry() {
  run(arguments);
  fibers[current].is_done = true;
}

// False where some threads wait at a barrier that others have left behind.
static bool block(bool falling) {
  unsigned threads = blockDim.x * blockDim.y;
  for (unsigned t = 0; t < threads; ++t) {
    Fiber &fiber = fibers[t];
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = &scheduler;
    fiber.is_done = false;
    makecontext(&fiber.context, entry, 0);
  }
  for (unsigned done = 0; done < threads;) {
    if (done != 0) return false;
    for (unsigned t = 0; t < threads; ++t) {
      current = falling ? threads - 1 - t : t;
      threadIdx = {current % blockDim.x, current / blockDim.x, 0};
      swapcontext(&scheduler, &fibers[current].context);
      done += fibers[current].is_done;
    }
  }
  return true;
}

template <typename T>
constexpr char kind() {
  if (std::is_pointer<T>::value) return 'p';
  if (std::is_same<T, long long>::value) return 'i';
  if (std::is_same<T, float>::value) return 'f';
  return std::is_same<T, double>::value ? 'd' : '?';
}

template <typename... A, size_t... I>
void call(void (*kernel)(A...), void **values, std::index_sequence<I...>) {
  kernel(*(A *)values[I]...);
}

struct Entry {
  const char *name;
  void (*run)(void **);
  const char *kinds;
};

template <typename F>
struct Signature;

template <typename... A>
struct Signature<void(A...)> {
  static const char *kinds() {
    static const char all[] = {kind<A>()..., 0};
    return all;
  }
  template <void (*kernel)(A...)>
  static void run(void **values) {
    call(kernel, values, std::index_sequence_for<A...>());
  }
};

#define ENTRY(kernel)                                                              \
  emulator::Entry {                                                                \
    #kernel, emulator::Signature<decltype(kernel)>::run<kernel>,                   \
        emulator::Signature<decltype(kernel)>::kinds()                             \
  }

// 0: done; 1: no such kernel; 2: other arguments; 3: threads part at a barrier.
static int launch(const Entry *entries, unsigned count, const char *name, const char *kinds,
                  const unsigned *sizes, void **values) {
  for (unsigned i = 0; i < count; ++i) {
    if (std::strcmp(entries[i].name, name) != 0) continue;
    if (kinds && std::strcmp(entries[i].kinds, kinds) != 0) return 2;
    run = entries[i].run;
    arguments = values;
    blockDim = {sizes[2], sizes[3], 1};
    for (unsigned y = 0; y < sizes[1]; ++y) {
      for (unsigned x = 0; x < sizes[0]; ++x) {
        blockIdx = {x, y, 0};
        if (!block(sizes[4] != 0)) return 3;
      }
    }
    return 0;
  }
  return 1;
}

}  // namespace emulator
