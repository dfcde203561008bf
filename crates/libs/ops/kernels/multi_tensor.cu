// Multi-tensor kernels: optimizers, EMA and gradient norms over all parameters in one launch.
//
// `table` has one entry per tensor. A block handles CHUNK values and finds its entry by bisection.

#define CHUNK 4096

struct Entry {
  float *values;       // parameter, gradient or moving average
  const float *other;  // gradient of the parameter, or the value to add or average
  float *state[2];     // optimizer state
  index_t count;
  index_t first_block;  // the number of blocks follows from `count`
  float learning_rate, weight_decay;
};

__device__ inline const Entry *entry_of(const Entry *table, index_t entries) {
  index_t low = 0, high = entries;
  while (high - low > 1) {
    index_t middle = (low + high) / 2;
    if (table[middle].first_block <= (index_t)blockIdx.x) low = middle;
    else high = middle;
  }
  return table + low;
}

#define EACH_VALUE(entry, i)                                                 \
  const Entry *entry = entry_of(table, entries);                             \
  index_t start = ((index_t)blockIdx.x - entry->first_block) * CHUNK;        \
  index_t end = start + CHUNK < entry->count ? start + CHUNK : entry->count; \
  for (index_t i = start + threadIdx.x; i < end; i += THREADS)

// d = g + weight_decay p; v = momentum v + d; p -= learning_rate (nesterov ? d + momentum v : v).
KERNEL sgd(const Entry *table, index_t entries, float momentum, index_t nesterov) {
  EACH_VALUE(entry, i) {
    float p = entry->values[i], d = entry->other[i] + entry->weight_decay * p;
    float v = momentum * entry->state[0][i] + d;
    entry->state[0][i] = v;
    entry->values[i] = p - entry->learning_rate * (nesterov ? d + momentum * v : v);
  }
}

// As in adamw.rs: `weight_decay` is the factor 1 - rate * decay, `learning_rate` is divided by 1 -
// beta1^t.
KERNEL adamw(const Entry *table, index_t entries, float beta1, float beta2, float one_minus_beta1,
             float one_minus_beta2, float inv_root, float eps) {
  EACH_VALUE(entry, i) {
    float g = entry->other[i];
    float m = beta1 * entry->state[0][i] + one_minus_beta1 * g,
          v = beta2 * entry->state[1][i] + one_minus_beta2 * g * g;
    entry->state[0][i] = m;
    entry->state[1][i] = v;
    entry->values[i] = entry->values[i] * entry->weight_decay -
                       entry->learning_rate * m / (sqrtf(v) * inv_root + eps);
  }
}

// average += weight (value - average).
KERNEL ema_update(const Entry *table, index_t entries, float weight) {
  EACH_VALUE(entry, i) entry->values[i] += weight * (entry->other[i] - entry->values[i]);
}

KERNEL add_all(const Entry *table, index_t entries) {
  EACH_VALUE(entry, i) entry->values[i] += entry->other[i];
}

// Multiplies by `factor`, and by `*device_factor` unless that is null.
KERNEL scale_all(const Entry *table, index_t entries, float factor, const float *device_factor) {
  float by = device_factor ? factor * *device_factor : factor;
  EACH_VALUE(entry, i) entry->values[i] *= by;
}

// One sum of squares per block.
KERNEL sum_squares(const Entry *table, index_t entries, double *partial_sums) {
  double sum = 0.0;
  EACH_VALUE(entry, i) sum += (double)entry->values[i] * (double)entry->values[i];
  sum = block_reduce_sum(sum);
  if (threadIdx.x == 0) partial_sums[blockIdx.x] = sum;
}

// The norm and the clipping factor min(1, max_norm / (norm + 1e-6)). A NaN norm gives 1, because no
// comparison with it holds. One block.
KERNEL gradient_norm(double *norm, float *factor, const double *partial_sums, index_t count,
                     double max_norm) {
  double sum = 0.0;
  for (index_t i = threadIdx.x; i < count; i += THREADS) sum += partial_sums[i];
  sum = block_reduce_sum(sum);
  if (threadIdx.x != 0) return;
  *norm = sqrt(sum);
  double scale = max_norm / (*norm + 1e-6);
  *factor = scale < 1.0 ? (float)scale : 1.0f;
}
