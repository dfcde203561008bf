// A graphics card made of a processor: as much of CUDA's driver, cuBLAS, cuRAND and NVRTC as the
// operations of hpa-ops ask for. Streams do at once what they are told. Kernels run in
// kernels/emulator.h; of candle's own there are the few that its backward pass needs.
//
// Memory is NaN when it is given and when it is taken back, and lies between margins that are
// looked at when it is freed.
#include "card.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace {

const size_t MARGIN = 256, MOST = size_t(1) << 32;
const unsigned char POISON = 0xFF;
std::map<Address, size_t> sizes;

[[noreturn]] void stop(const char *why) {
  std::fprintf(stderr, "fake card: %s\n", why);
  std::abort();
}

struct Module {
  std::string kind;
};

struct Function {
  std::string name, kind;
};

int placeholder;

int release(Address at) {
  auto found = sizes.find(at);
  if (found == sizes.end()) stop("what is freed was not allocated");
  unsigned char *all = (unsigned char *)at - MARGIN;
  for (size_t i = 0; i < MARGIN; ++i)
    if (all[i] != POISON || all[MARGIN + found->second + i] != POISON)
      stop("something was written outside of its memory");
  std::memset(all, POISON, found->second + 2 * MARGIN);
  std::free(all);
  sizes.erase(found);
  return 0;
}

int allocate(Address *at, size_t size) {
  if (size > MOST) return 2;  // out of memory
  unsigned char *all = (unsigned char *)std::aligned_alloc(256, (size + 2 * MARGIN + 255) / 256 * 256);
  std::memset(all, POISON, size + 2 * MARGIN);
  *at = (Address)(all + MARGIN);
  sizes[*at] = size;
  return 0;
}

template <typename T>
T &argument(void **values, int number) {
  return *(T *)values[number];
}

float number(unsigned short bits) {
  unsigned wide = (unsigned)bits << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

unsigned short rounded(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, 4);
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// candle's fill and sum of contiguous tensors.
int candles(const std::string &name, void **v) {
  size_t count = argument<size_t>(v, 0);
  if (argument<void *>(v, 2) != nullptr) stop("candle's kernels run on contiguous tensors only");
  if (name == "const_set_f32") {
    for (size_t i = 0; i < count; ++i) argument<float *>(v, 4)[i] = argument<float>(v, 3);
  } else if (name == "badd_f32") {
    for (size_t i = 0; i < count; ++i)
      argument<float *>(v, 5)[i] = argument<float *>(v, 3)[i] + argument<float *>(v, 4)[i];
  } else if (name == "badd_bf16") {
    typedef unsigned short *Halves;
    for (size_t i = 0; i < count; ++i)
      argument<Halves>(v, 5)[i] =
          rounded(number(argument<Halves>(v, 3)[i]) + number(argument<Halves>(v, 4)[i]));
  } else {
    stop(("it has no kernel " + name).c_str());
  }
  return 0;
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int *version) { return *version = 13000, 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int) { return *device = 0, 0; }
int cuDevicePrimaryCtxRetain(void **context, int) { return *context = &placeholder, 0; }
int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
int cuCtxSetCurrent(void *) { return 0; }
int cuCtxGetCurrent(void **context) { return *context = &placeholder, 0; }
int cuCtxSynchronize() { return 0; }
int cuDeviceGetDefaultMemPool(void **pool, int) { return *pool = &placeholder, 0; }
int cuMemPoolSetAttribute(void *, int, void *) { return 0; }
int cuStreamCreate(void **stream, unsigned) { return *stream = &placeholder, 0; }
int cuStreamDestroy_v2(void *) { return 0; }
int cuStreamSynchronize(void *) { return 0; }
int cuStreamWaitEvent(void *, void *, unsigned) { return 0; }
int cuEventCreate(void **event, unsigned) { return *event = &placeholder, 0; }
int cuEventDestroy_v2(void *) { return 0; }
int cuEventRecord(void *, void *) { return 0; }
int cuEventSynchronize(void *) { return 0; }
int cuEventQuery(void *) { return 0; }

int cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 75 ? 8 : attribute == 76 ? 0 : 1;  // compute capability 8.0
  return 0;
}

int cuGetErrorName(int, const char **text) { return *text = "of the fake card", 0; }
int cuGetErrorString(int code, const char **text) {
  *text = code == 2 ? "out of memory" : "an error of the fake card";
  return 0;
}

int cuMemAllocAsync(Address *at, size_t size, void *) { return allocate(at, size); }
int cuMemAlloc_v2(Address *at, size_t size) { return allocate(at, size); }
int cuMemFreeAsync(Address at, void *) { return release(at); }
int cuMemFree_v2(Address at) { return release(at); }
int cuMemHostAlloc(void **at, size_t size, unsigned) { return *at = std::malloc(size), 0; }
int cuMemFreeHost(void *at) { return std::free(at), 0; }

int cuMemsetD8Async(Address at, unsigned char value, size_t size, void *) {
  return std::memset((void *)at, value, size), 0;
}
int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t size, void *) {
  return std::memcpy((void *)to, from, size), 0;
}
int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t size, void *) {
  return std::memcpy(to, (void *)from, size), 0;
}
int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t size, void *) {
  return std::memcpy((void *)to, (void *)from, size), 0;
}

int cuModuleLoadData(void **module, const void *image) {
  const char *text = (const char *)image;
  *module = new Module{std::strncmp(text, "fake ", 5) == 0 ? text + 5 : "candle"};
  return 0;
}
int cuModuleUnload(void *) { return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = new Function{name, ((Module *)module)->kind};
  return 0;
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned, void *, void **values, void **) {
  const Function &it = *(const Function *)function;
  if (it.kind == "candle") return candles(it.name, values);
  if (gz != 1 || bz != 1 || bx * by != 256) stop("a launch has other blocks than expected");
  unsigned grid[5] = {gx, gy, bx, by, 0};
  int answer = it.kind == "bf16" ? emulate_bf16(it.name.c_str(), nullptr, grid, values)
                                 : emulate_f32(it.name.c_str(), nullptr, grid, values);
  if (answer != 0) stop(("a launch fails: " + it.name).c_str());
  return 0;
}

int cublasCreate_v2(void **handle) { return *handle = &placeholder, 0; }
int cublasDestroy_v2(void *) { return 0; }
int cublasSetStream_v2(void *, void *) { return 0; }
int cublasGetProperty(int, int *value) { return *value = 13, 0; }
int curandCreateGenerator(void **generator, int) { return *generator = &placeholder, 0; }
int curandDestroyGenerator(void *) { return 0; }
int curandSetPseudoRandomGeneratorSeed(void *, unsigned long long) { return 0; }
int curandSetStream(void *, void *) { return 0; }
int curandGetVersion(int *version) { return *version = 10400, 0; }

int nvrtcVersion(int *major, int *minor) { return *major = 13, *minor = 0, 0; }
int nvrtcCreateProgram(void **program, const char *, const char *, int, const char *const *,
                       const char *const *) {
  return *program = new std::string("fake f32"), 0;
}
int nvrtcCompileProgram(void *program, int count, const char *const *options) {
  for (int i = 0; i < count; ++i)
    if (std::strcmp(options[i], "-DREAL_IS_BF16") == 0) *(std::string *)program = "fake bf16";
  return 0;
}
int nvrtcGetPTXSize(void *program, size_t *size) {
  return *size = ((std::string *)program)->size() + 1, 0;
}
int nvrtcGetPTX(void *program, char *text) {
  return std::strcpy(text, ((std::string *)program)->c_str()), 0;
}
int nvrtcGetProgramLogSize(void *, size_t *size) { return *size = 1, 0; }
int nvrtcGetProgramLog(void *, char *text) { return *text = 0, 0; }
int nvrtcDestroyProgram(void **program) { return delete (std::string *)*program, 0; }
}
