// From the bytes of pictures to the images that a network sees: the same arithmetic, in the same
// order, as hpa-nn's view.rs, mixup.rs and shrink.rs, without fused multiply-adds, so that the
// processor and a graphics card show a network the same samples.
//
// Compiled by NVRTC when a program starts; the tests compile it as C and compare.
// Shapes: pictures [P][C][S][S] of bytes, images [V][S][S][C] of floats, C at most 8.
#ifndef KERNEL
#define KERNEL extern "C" __global__
#define DEVICE static __device__
#endif

// One view, as input/packet.rs writes it.
typedef struct {
  float matrix[4];  // from the place in the image to that in the picture, both from the centre
  float shift[2];   // in half sides
  unsigned picture;
  unsigned holes;
  int hole[8][4];   // columns from, to; rows from, to
} Shown;

DEVICE float mirrored(float place, int side) {
  float around = fmodf(place + 0.5f, 2.0f * (float)side);
  if (around < 0.0f) around += 2.0f * (float)side;
  float inside = around > (float)side ? 2.0f * (float)side - around : around;
  return fminf(fmaxf(inside - 0.5f, 0.0f), (float)side - 1.0f);
}

// A thread a pixel of an image.
KERNEL void show(const unsigned char *packet, unsigned long long tables_at,
                 unsigned long long shown_at, float *images, int side, int channels, int views) {
  long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  long long area = (long long)side * side;
  if (thread >= views * area) return;
  int view = (int)(thread / area), x = (int)(thread % side), y = (int)(thread % area / side);
  const Shown *shown = (const Shown *)(packet + shown_at) + view;
  const float *tables = (const float *)(packet + tables_at) + (long long)view * channels * 256;
  const unsigned char *picture = packet + shown->picture * channels * area;
  float *pixel = images + thread * channels;

  for (unsigned hole = 0; hole < shown->holes; ++hole) {
    const int *edge = shown->hole[hole];
    if (x >= edge[0] && x < edge[1] && y >= edge[2] && y < edge[3]) {
      for (int channel = 0; channel < channels; ++channel) pixel[channel] = 0.0f;
      return;
    }
  }
  float middle = ((float)side - 1.0f) / 2.0f;
  float from_x = (float)x - middle, from_y = (float)y - middle, place[2];
  for (int axis = 0; axis < 2; ++axis) {
    float half_sides = shown->shift[axis] * (float)side / 2.0f;
    place[axis] = mirrored(shown->matrix[2 * axis] * from_x + shown->matrix[2 * axis + 1] * from_y +
                           half_sides + middle, side);
  }
  int column = (int)place[0] < side - 1 ? (int)place[0] : side - 1;
  int row = (int)place[1] < side - 1 ? (int)place[1] : side - 1;
  float right = place[0] - (float)column, below = place[1] - (float)row;
  int next_column = column + 1 < side ? column + 1 : side - 1;
  int next_row = row + 1 < side ? row + 1 : side - 1;
  long long at[4] = {(long long)row * side + column, (long long)row * side + next_column,
                     (long long)next_row * side + column, (long long)next_row * side + next_column};
  float weight[4] = {(1.0f - below) * (1.0f - right), (1.0f - below) * right,
                     below * (1.0f - right), below * right};
  for (int channel = 0; channel < channels; ++channel) {
    const unsigned char *plane = picture + channel * area;
    const float *table = tables + channel * 256;
    float sum = 0.0f;
    for (int corner = 0; corner < 4; ++corner) sum += table[plane[at[corner]]] * weight[corner];
    pixel[channel] = sum;
  }
}

// Each image with that of its partner, value by value; rows are `width` values long.
KERNEL void mix(const unsigned char *packet, unsigned long long places_at,
                unsigned long long shares_at, const float *images, float *mixed, int width,
                int count) {
  long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= (long long)width * count) return;
  long long row = thread / width, column = thread % width;
  float share = ((const float *)(packet + shares_at))[row];
  long long partner = ((const unsigned *)(packet + places_at))[row];
  mixed[thread] = share * images[thread] + (1.0f - share) * images[partner * width + column];
}

DEVICE float covered(int pixel, int old, int from, int to) {
  long long begin = (long long)pixel * from, end = begin + from;
  long long first = (long long)old * to, last = first + to;
  long long share = (end < last ? end : last) - (begin > first ? begin : first);
  return (float)((double)share / (double)from);
}

// Smaller images: the mean of the area that each new pixel covers. A thread a new value.
KERNEL void shrink(const float *images, float *shrunk, int from, int to, int channels, int count) {
  long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= (long long)count * to * to * channels) return;
  int channel = (int)(thread % channels), x = (int)(thread / channels % to);
  int y = (int)(thread / channels / to % to);
  const float *image = images + thread / channels / to / to * from * from * channels + channel;
  int last_x = (int)(((long long)(x + 1) * from + to - 1) / to);
  int last_y = (int)(((long long)(y + 1) * from + to - 1) / to);
  float sum = 0.0f;
  for (int old_x = (int)((long long)x * from / to); old_x < last_x; ++old_x) {
    float column = 0.0f;
    for (int old_y = (int)((long long)y * from / to); old_y < last_y; ++old_y)
      column += covered(y, old_y, from, to) * image[((long long)old_y * from + old_x) * channels];
    sum += covered(x, old_x, from, to) * column;
  }
  shrunk[thread] = sum;
}
