// One pass over many tensors in one launch: optimisers, averages, the length of gradients.
//
// A table has a row a tensor; a block does CHUNK of its values and finds its row by bisection.

#define CHUNK 4096

struct Row {
  float *values;        // parameter, or average
  const float *other;   // its gradient, or what is averaged
  float *state[2];      // the optimiser's
  integer count;
  integer first_block;  // its number of blocks follows from `count`
  float rate, decay;
};

__device__ inline const Row *row_of(const Row *table, integer rows) {
  integer low = 0, high = rows;
  while (high - low > 1) {
    integer middle = (low + high) / 2;
    if (table[middle].first_block <= (integer)blockIdx.x) low = middle; else high = middle;
  }
  return table + low;
}

#define EACH_VALUE(row, i)                                                                    \
  const Row *row = row_of(table, rows);                                                       \
  integer start = ((integer)blockIdx.x - row->first_block) * CHUNK;                           \
  integer end = start + CHUNK < row->count ? start + CHUNK : row->count;                      \
  for (integer i = start + threadIdx.x; i < end; i += THREADS)

// d = g + decay p; v = momentum v + d; p -= rate (nesterov ? d + momentum v : v).
KERNEL sgd(const Row *table, integer rows, float momentum, integer nesterov) {
  EACH_VALUE(row, i) {
    float p = row->values[i], d = row->other[i] + row->decay * p;
    float v = momentum * row->state[0][i] + d;
    row->state[0][i] = v;
    row->values[i] = p - row->rate * (nesterov ? d + momentum * v : v);
  }
}

// As adamw.rs has it: `decay` is what is kept of p, `rate` is divided by 1 - b1^t.
KERNEL adamw(const Row *table, integer rows, float beta1, float beta2, float new1, float new2,
             float root, float eps) {
  EACH_VALUE(row, i) {
    float g = row->other[i];
    float m = beta1 * row->state[0][i] + new1 * g, v = beta2 * row->state[1][i] + new2 * g * g;
    row->state[0][i] = m;
    row->state[1][i] = v;
    row->values[i] = row->values[i] * row->decay - row->rate * m / (sqrtf(v) * root + eps);
  }
}

// average += newest (value - average).
KERNEL follow(const Row *table, integer rows, float newest) {
  EACH_VALUE(row, i) row->values[i] += newest * (row->other[i] - row->values[i]);
}

KERNEL add_rows(const Row *table, integer rows) {
  EACH_VALUE(row, i) row->values[i] += row->other[i];
}

// Times a factor, and times another one that the card has found itself, if there is one.
KERNEL scale_rows(const Row *table, integer rows, float factor, const float *found) {
  float by = found ? factor * *found : factor;
  EACH_VALUE(row, i) row->values[i] *= by;
}

// The sum of squares of each block.
KERNEL squares(const Row *table, integer rows, double *parts) {
  double sum = 0.0;
  EACH_VALUE(row, i) sum += (double)row->values[i] * (double)row->values[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// The length, and the factor that shortens it to `most`: most / (length + 1e-6), at most 1. A
// length of NaN gives 1, as no comparison with it holds. One block.
KERNEL length(double *length, float *factor, const double *parts, integer count, double most) {
  double sum = 0.0;
  for (integer i = threadIdx.x; i < count; i += THREADS) sum += parts[i];
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  *length = sqrt(sum);
  double shorter = most / (*length + 1e-6);
  *factor = shorter < 1.0 ? (float)shorter : 1.0f;
}
