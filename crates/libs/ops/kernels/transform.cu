// From stored images (bytes) to network inputs (floats) on the GPU: affine sampling, mixup, resize.
//
// The same arithmetic in the same order as the data transforms of hpa-nn, without fused
// multiply-adds, so that CPU and GPU produce the same batches. A program of its own, in plain C:
// NVRTC compiles it at run time, tests compile it for the CPU.
//
// Shapes: stored images [N][C][S][S], transformed images [V][S][S][C] with V = N * views and C
// <= 8.

typedef long long index_t;

#ifndef KERNEL
#define KERNEL extern "C" __global__ void
#define DEVICE static __device__
#endif

// One transformed image; the layout of TransformParams in batch_layout.rs.
typedef struct {
  float matrix[4];  // from output to source coordinates, both relative to the center
  float shift[2];   // of the center, in half sides
  unsigned source;
  unsigned cutouts;
  int cutout[8][4];  // columns from, to; rows from, to
} TransformParams;

DEVICE float reflect(float coordinate, int side) {
  float period = fmodf(coordinate + 0.5f, 2.0f * (float)side);
  if (period < 0.0f) period += 2.0f * (float)side;
  float inside = period > (float)side ? 2.0f * (float)side - period : period;
  return fminf(fmaxf(inside - 0.5f, 0.0f), (float)side - 1.0f);
}

DEVICE index_t grid_index(void) { return (index_t)blockIdx.x * blockDim.x + threadIdx.x; }

// Bilinear sampling of lookup-table values through an affine map, with cutouts set to 0. `luts` is
// [V][C][256]. One thread per pixel.
KERNEL transform(float *images, const unsigned char *pixels, const float *luts,
                 const TransformParams *params, index_t side_px, index_t channels, index_t views) {
  index_t thread = grid_index(), area = side_px * side_px;
  if (thread >= views * area) return;
  int side = (int)side_px, x = (int)(thread % side), y = (int)(thread % area / side);
  index_t view = thread / area;
  const TransformParams *param = params + view;
  const unsigned char *source = pixels + param->source * channels * area;
  float *pixel = images + thread * channels;

  for (unsigned cutout = 0; cutout < param->cutouts; ++cutout) {
    const int *edge = param->cutout[cutout];
    if (x >= edge[0] && x < edge[1] && y >= edge[2] && y < edge[3]) {
      for (int channel = 0; channel < channels; ++channel) pixel[channel] = 0.0f;
      return;
    }
  }
  float center = ((float)side - 1.0f) / 2.0f;
  float from_x = (float)x - center, from_y = (float)y - center, coordinate[2];
  for (int axis = 0; axis < 2; ++axis) {
    float shift = param->shift[axis] * (float)side / 2.0f;
    coordinate[axis] = reflect(
        param->matrix[2 * axis] * from_x + param->matrix[2 * axis + 1] * from_y + shift + center,
        side);
  }
  int column = (int)coordinate[0] < side - 1 ? (int)coordinate[0] : side - 1;
  int row = (int)coordinate[1] < side - 1 ? (int)coordinate[1] : side - 1;
  float right = coordinate[0] - (float)column, below = coordinate[1] - (float)row;
  int next_column = column + 1 < side ? column + 1 : side - 1;
  int next_row = row + 1 < side ? row + 1 : side - 1;
  index_t corner[4] = {(index_t)row * side + column, (index_t)row * side + next_column,
                       (index_t)next_row * side + column, (index_t)next_row * side + next_column};
  float weight[4] = {(1.0f - below) * (1.0f - right), (1.0f - below) * right,
                     below * (1.0f - right), below * right};
  for (int channel = 0; channel < channels; ++channel) {
    const unsigned char *plane = source + channel * area;
    const float *lut = luts + (view * channels + channel) * 256;
    float sum = 0.0f;
    for (int i = 0; i < 4; ++i) sum += lut[plane[corner[i]]] * weight[i];
    pixel[channel] = sum;
  }
}

// mixed = lambda * image + (1 - lambda) * image of the partner; rows are `width` values long. One
// thread per value.
KERNEL mixup(float *mixed, const float *images, const unsigned *partners, const float *lambdas,
             index_t width, index_t count) {
  index_t thread = grid_index();
  if (thread >= width * count) return;
  index_t row = thread / width, column = thread % width, partner = partners[row];
  float lambda = lambdas[row];
  mixed[thread] = lambda * images[thread] + (1.0f - lambda) * images[partner * width + column];
}

// The share of output pixel `pixel` that input pixel `source` covers.
DEVICE float overlap(index_t pixel, index_t source, index_t from, index_t to) {
  index_t begin = pixel * from, end = begin + from;
  index_t first = source * to, last = first + to;
  index_t covered = (end < last ? end : last) - (begin > first ? begin : first);
  return (float)((double)covered / (double)from);
}

// Downscaling by area averaging, from side `from` to side `to`. One thread per output value.
KERNEL area_resize(float *resized, const float *images, index_t from, index_t to, index_t channels,
                   index_t count) {
  index_t thread = grid_index();
  if (thread >= count * to * to * channels) return;
  index_t channel = thread % channels, x = thread / channels % to, y = thread / channels / to % to;
  const float *image = images + thread / channels / to / to * from * from * channels + channel;
  index_t end_x = ((x + 1) * from + to - 1) / to, end_y = ((y + 1) * from + to - 1) / to;
  float sum = 0.0f;
  for (index_t source_x = x * from / to; source_x < end_x; ++source_x) {
    float column = 0.0f;
    for (index_t source_y = y * from / to; source_y < end_y; ++source_y)
      column += overlap(y, source_y, from, to) * image[(source_y * from + source_x) * channels];
    sum += overlap(x, source_x, from, to) * column;
  }
  resized[thread] = sum;
}
