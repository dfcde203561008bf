// The part of cuDNN that hpa-ops calls: NHWC convolutions by definition, summed in float.
//
// The first algorithm offered is not deterministic and the second rounds its operands: neither may
// be chosen. Filters of 5 x 5 are refused, so that the fallback runs too. Descriptors are checked.

namespace {

const int NHWC = 1, FLOAT = 0, BF16 = 9, FMA = 3, TENSOR_OP = 1, CONVERSION = 2, REFUSED = 3000;
const size_t WORKSPACE = 4096;

// Activations: N, C, H, W. Filters: O, I, kh, kw.
struct Shape {
  int type, n, c, h, w;
};

struct Convolution {
  int pad, stride, groups, math;
};

struct AlgorithmPerf {
  int algorithm, status;
  float time;
  size_t memory;
  int determinism, math, reserved[3];
};

float get(const Shape &shape, const void *values, size_t i) {
  if (shape.type == FLOAT) return ((const float *)values)[i];
  return bf16_to_float(((const unsigned short *)values)[i]);
}

void put(const Shape &shape, void *values, const std::vector<float> &from) {
  for (size_t i = 0; i < from.size(); ++i) {
    if (shape.type == FLOAT) ((float *)values)[i] = from[i];
    else ((unsigned short *)values)[i] = float_to_bf16(from[i]);
  }
}

size_t length(const Shape &s) { return (size_t)s.n * s.c * s.h * s.w; }

void check(const Shape &x, const Shape &w, const Convolution &c, const Shape &y) {
  if (x.type != w.type || x.type != y.type) fail("cuDNN: types differ");
  if (c.math != (x.type == FLOAT ? FMA : TENSOR_OP)) fail("cuDNN: unexpected math type");
  if (x.c != w.c * c.groups || y.c != w.n || x.n != y.n) fail("cuDNN: channels or images differ");
  if (y.h != (x.h + 2 * c.pad - w.h) / c.stride + 1) fail("cuDNN: heights differ");
  if (y.w != (x.w + 2 * c.pad - w.w) / c.stride + 1) fail("cuDNN: widths differ");
}

// Calls `visit(x index, w index, y index)` for every product.
template <typename V>
void products(const Shape &x, const Shape &w, const Convolution &c, const Shape &y, V visit) {
  int outputs = w.n / c.groups;
  for (int n = 0; n < y.n; ++n)
    for (int row = 0; row < y.h; ++row)
      for (int column = 0; column < y.w; ++column)
        for (int ky = 0; ky < w.h; ++ky)
          for (int kx = 0; kx < w.w; ++kx) {
            int line = row * c.stride + ky - c.pad, place = column * c.stride + kx - c.pad;
            if (line < 0 || line >= x.h || place < 0 || place >= x.w) continue;
            for (int o = 0; o < w.n; ++o)
              for (int i = 0; i < w.c; ++i)
                visit((((size_t)n * x.h + line) * x.w + place) * x.c + o / outputs * w.c + i,
                      (((size_t)o * w.h + ky) * w.w + kx) * w.c + i,
                      (((size_t)n * y.h + row) * y.w + column) * y.c + o);
          }
}

int offer_algorithms(const Shape &w, int max, int *count, AlgorithmPerf *offers) {
  *count = 0;
  if (w.h == 5 || max < 3) return 0;
  *count = 3;
  bool is_float = w.type == FLOAT;
  int exact = is_float ? FMA : TENSOR_OP, rounding = is_float ? TENSOR_OP : CONVERSION;
  offers[0] = {0, 0, 1.0f, 0, 0, exact, {}};
  offers[1] = {2, 0, 1.5f, WORKSPACE, 1, rounding, {}};
  offers[2] = {1, 0, 2.0f, WORKSPACE, 1, exact, {}};
  return 0;
}

void check_run(const void *alpha, const void *beta, int algorithm, void *space, size_t size) {
  if (*(const float *)alpha != 1.0f || *(const float *)beta != 0.0f)
    fail("cuDNN: the output is scaled");
  if (algorithm != 1) fail("cuDNN: an algorithm that is not deterministic or that rounds");
  if (size < WORKSPACE || space == nullptr) fail("cuDNN: the workspace is too small");
  std::memset(space, 0x55, WORKSPACE);
}

}  // namespace

#define X (*(const Shape *)x)
#define W (*(const Shape *)w)
#define Y (*(const Shape *)y)
#define C (*(const Convolution *)conv)

extern "C" {

size_t cudnnGetVersion() { return 91000; }
int cudnnCreate(void **handle) { return *handle = new int(0), 0; }
int cudnnDestroy(void *) { return 0; }
int cudnnSetStream(void *, void *) { return 0; }
int cudnnCreateTensorDescriptor(void **it) { return *it = new Shape(), 0; }
int cudnnCreateFilterDescriptor(void **it) { return *it = new Shape(), 0; }
int cudnnCreateConvolutionDescriptor(void **it) { return *it = new Convolution(), 0; }
int cudnnDestroyTensorDescriptor(void *it) { return delete (Shape *)it, 0; }
int cudnnDestroyFilterDescriptor(void *it) { return delete (Shape *)it, 0; }
int cudnnDestroyConvolutionDescriptor(void *it) { return delete (Convolution *)it, 0; }

int cudnnSetTensor4dDescriptor(void *it, int format, int type, int n, int c, int h, int w) {
  if (format != NHWC || (type != FLOAT && type != BF16)) fail("cuDNN: unexpected layout or type");
  return *(Shape *)it = {type, n, c, h, w}, 0;
}
int cudnnSetFilter4dDescriptor(void *it, int type, int format, int n, int c, int h, int w) {
  return cudnnSetTensor4dDescriptor(it, format, type, n, c, h, w);
}
int cudnnSetConvolution2dDescriptor(void *it, int pad, int pad_w, int stride, int stride_w, int dh,
                                    int dw, int mode, int type) {
  if (pad != pad_w || stride != stride_w || dh != 1 || dw != 1 || mode != 1 || type != FLOAT)
    fail("cuDNN: unexpected convolution");
  ((Convolution *)it)->pad = pad;
  ((Convolution *)it)->stride = stride;
  return 0;
}
int cudnnSetConvolutionGroupCount(void *it, int groups) {
  return ((Convolution *)it)->groups = groups, 0;
}
int cudnnSetConvolutionMathType(void *it, int math) { return ((Convolution *)it)->math = math, 0; }

int cudnnGetConvolutionForwardAlgorithm_v7(void *, void *x, void *w, void *conv, void *y, int max,
                                           int *count, AlgorithmPerf *offers) {
  return check(X, W, C, Y), offer_algorithms(W, max, count, offers);
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(void *, void *w, void *y, void *conv, void *x,
                                                int max, int *count, AlgorithmPerf *offers) {
  return check(X, W, C, Y), offer_algorithms(W, max, count, offers);
}
int cudnnGetConvolutionBackwardFilterAlgorithm_v7(void *, void *x, void *y, void *conv, void *w,
                                                  int max, int *count, AlgorithmPerf *offers) {
  check(X, W, C, Y);
  return C.groups > 1 && W.h == 7 ? REFUSED : offer_algorithms(W, max, count, offers);
}
int cudnnGetConvolutionForwardWorkspaceSize(void *, void *x, void *w, void *conv, void *y, int,
                                            size_t *size) {
  return check(X, W, C, Y), *size = WORKSPACE, 0;
}
int cudnnGetConvolutionBackwardDataWorkspaceSize(void *, void *w, void *y, void *conv, void *x, int,
                                                 size_t *size) {
  return check(X, W, C, Y), *size = WORKSPACE, 0;
}
int cudnnGetConvolutionBackwardFilterWorkspaceSize(void *, void *x, void *y, void *conv, void *w,
                                                   int, size_t *size) {
  return check(X, W, C, Y), *size = WORKSPACE, 0;
}

int cudnnConvolutionForward(void *, const void *alpha, void *x, const void *xs, void *w,
                            const void *ws, void *conv, int algorithm, void *space, size_t size,
                            const void *beta, void *y, void *ys) {
  check(X, W, C, Y), check_run(alpha, beta, algorithm, space, size);
  std::vector<float> sums(length(Y));
  products(X, W, C, Y,
           [&](size_t i, size_t k, size_t o) { sums[o] += get(X, xs, i) * get(W, ws, k); });
  return put(Y, ys, sums), 0;
}
int cudnnConvolutionBackwardData(void *, const void *alpha, void *w, const void *ws, void *y,
                                 const void *ys, void *conv, int algorithm, void *space,
                                 size_t size, const void *beta, void *x, void *xs) {
  check(X, W, C, Y), check_run(alpha, beta, algorithm, space, size);
  std::vector<float> sums(length(X));
  products(X, W, C, Y,
           [&](size_t i, size_t k, size_t o) { sums[i] += get(Y, ys, o) * get(W, ws, k); });
  return put(X, xs, sums), 0;
}
int cudnnConvolutionBackwardFilter(void *, const void *alpha, void *x, const void *xs, void *y,
                                   const void *ys, void *conv, int algorithm, void *space,
                                   size_t size, const void *beta, void *w, void *ws) {
  check(X, W, C, Y), check_run(alpha, beta, algorithm, space, size);
  std::vector<float> sums(length(W));
  products(X, W, C, Y,
           [&](size_t i, size_t k, size_t o) { sums[k] += get(Y, ys, o) * get(X, xs, i); });
  return put(W, ws, sums), 0;
}
}
