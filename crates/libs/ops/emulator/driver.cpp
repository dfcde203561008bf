// CUDA's libraries on the CPU: the part of the driver, cuBLAS, cuRAND and NVRTC that hpa-ops calls.
// Streams are synchronous. Kernels run in simt.h; of candle's kernels there are the few that its
// backward pass needs. cudnn.cpp is appended to this file.
//
// Memory is NaN when allocated and when freed, and lies between guard bytes that are checked when
// it is freed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

typedef unsigned long long Address;
typedef int Emulate(const char *, const char *, const unsigned *, void **);
extern "C" Emulate emulate_f32, emulate_bf16, emulate_transform;

namespace {

const size_t GUARD_BYTES = 256, MAX_ALLOCATION = size_t(1) << 32;
const unsigned char NAN_BYTE = 0xFF;
std::map<Address, size_t> sizes;

[[noreturn]] void fail(const char *why) {
  std::fprintf(stderr, "emulated GPU: %s\n", why);
  std::abort();
}

struct Module {
  std::string program;
};

struct Function {
  std::string name, program;
};

int placeholder;

int release(Address at) {
  auto found = sizes.find(at);
  if (found == sizes.end()) fail("memory is freed that was not allocated");
  unsigned char *all = (unsigned char *)at - GUARD_BYTES;
  for (size_t i = 0; i < GUARD_BYTES; ++i)
    if (all[i] != NAN_BYTE || all[GUARD_BYTES + found->second + i] != NAN_BYTE)
      fail("a write out of bounds");
  std::memset(all, NAN_BYTE, found->second + 2 * GUARD_BYTES);
  std::free(all);
  sizes.erase(found);
  return 0;
}

int allocate(Address *at, size_t size) {
  if (size > MAX_ALLOCATION) return 2;  // out of memory
  size_t bytes = (size + 2 * GUARD_BYTES + 255) / 256 * 256;
  unsigned char *all = (unsigned char *)std::aligned_alloc(256, bytes);
  std::memset(all, NAN_BYTE, size + 2 * GUARD_BYTES);
  *at = (Address)(all + GUARD_BYTES);
  sizes[*at] = size;
  return 0;
}

template <typename T>
T &argument(void **values, int number) {
  return *(T *)values[number];
}

float bf16_to_float(unsigned short bits) {
  unsigned word = (unsigned)bits << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

unsigned short float_to_bf16(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, 4);
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// candle's fill and addition of contiguous tensors.
int launch_candle_kernel(const std::string &name, void **v) {
  size_t count = argument<size_t>(v, 0);
  if (argument<void *>(v, 2) != nullptr) fail("candle's kernels take contiguous tensors only");
  if (name == "const_set_f32") {
    for (size_t i = 0; i < count; ++i) argument<float *>(v, 4)[i] = argument<float>(v, 3);
  } else if (name == "badd_f32") {
    for (size_t i = 0; i < count; ++i)
      argument<float *>(v, 5)[i] = argument<float *>(v, 3)[i] + argument<float *>(v, 4)[i];
  } else if (name == "badd_bf16") {
    typedef unsigned short *Bf16;
    for (size_t i = 0; i < count; ++i)
      argument<Bf16>(v, 5)[i] = float_to_bf16(bf16_to_float(argument<Bf16>(v, 3)[i]) +
                                              bf16_to_float(argument<Bf16>(v, 4)[i]));
  } else {
    fail(("no kernel " + name).c_str());
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

int cuGetErrorName(int, const char **text) { return *text = "EMULATED_GPU_ERROR", 0; }
int cuGetErrorString(int code, const char **text) {
  *text = code == 2 ? "out of memory" : "an error of the emulated GPU";
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
  *module = new Module{std::strncmp(text, "emulated ", 9) == 0 ? text + 9 : "candle"};
  return 0;
}
int cuModuleUnload(void *) { return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = new Function{name, ((Module *)module)->program};
  return 0;
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned, void *, void **values, void **) {
  const Function &it = *(const Function *)function;
  if (it.program == "candle") return launch_candle_kernel(it.name, values);
  if (gz != 1 || bz != 1 || bx * by != 256) fail("a launch has other blocks than expected");
  unsigned sizes[5] = {gx, gy, bx, by, 0};
  Emulate *emulate = it.program == "f32"    ? emulate_f32
                     : it.program == "bf16" ? emulate_bf16
                                            : emulate_transform;
  if (emulate(it.name.c_str(), nullptr, sizes, values) != 0)
    fail(("launch failed: " + it.name).c_str());
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
  return *program = new std::string("emulated f32"), 0;
}
int nvrtcCompileProgram(void *program, int count, const char *const *options) {
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(options[i], "-DACT_IS_BF16") == 0) *(std::string *)program = "emulated bf16";
    if (std::strcmp(options[i], "--fmad=false") == 0)
      *(std::string *)program = "emulated transform";
  }
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
