// Runs the kernels of hpa-ops on a processor, a thread after the other, as C: a packet on standard
// input, the images of a graphics card on standard output.
// Arguments: bytes tables shown places shares, then pictures views side channels mixed to.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct { int x; } blockIdx, blockDim = {64}, threadIdx;
#define KERNEL static
#define DEVICE static
#include "input.cu"

#define FOR_THREADS(count)                                                                \
  for (blockIdx.x = 0; (long long)blockIdx.x * blockDim.x < (count); ++blockIdx.x)        \
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x)

// Not a number where no kernel writes: whoever forgets a value is found out.
static float *room(long long values) {
  float *memory = malloc(values * sizeof(float));
  memset(memory, 0xff, values * sizeof(float));
  return memory;
}

int main(int count, char **words) {
  if (count != 12) return 2;
  long long n[11];
  for (int at = 0; at < 11; ++at) n[at] = atoll(words[at + 1]);
  int pictures = (int)n[5], views = (int)n[6], side = (int)n[7], channels = (int)n[8], to = (int)n[10];
  unsigned char *packet = malloc(n[0]);
  if (fread(packet, 1, n[0], stdin) != (size_t)n[0]) return 3;
  long long images_count = (long long)pictures * views, width = (long long)side * side * channels;
  float *images = room(images_count * width);
  FOR_THREADS(images_count * side * side) show(packet, n[1], n[2], images, side, channels, (int)images_count);
  if (n[9]) {
    float *mixed = room(images_count * width);
    FOR_THREADS(images_count * width) mix(packet, n[3], n[4], images, mixed, (int)width, pictures);
    images = mixed;
  }
  if (to != side) {
    long long values = images_count * to * to * channels;
    float *shrunk = room(values);
    FOR_THREADS(values) shrink(images, shrunk, side, to, channels, (int)images_count);
    images = shrunk, width = (long long)to * to * channels;
  }
  return fwrite(images, sizeof(float), images_count * width, stdout) != (size_t)(images_count * width);
}
