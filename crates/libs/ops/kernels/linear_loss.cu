// Linear layer and loss of the head. Small next to the rest of a step, so written plainly.
// With `round_to_bf16` the factors of products are rounded to bf16; products are summed in float.

// y = x w^T + bias for x [N][in], w [out][in]. One block per output value.
KERNEL linear_forward(float *y, const act_t *x, const float *w, const float *bias, index_t inputs,
                      index_t outputs, index_t round_to_bf16) {
  index_t row = blockIdx.x / outputs, output = blockIdx.x % outputs;
  float sum = 0.0f;
  for (index_t i = threadIdx.x; i < inputs; i += THREADS)
    sum += gemm_operand(to_float(x[row * inputs + i]), round_to_bf16) *
           gemm_operand(w[output * inputs + i], round_to_bf16);
  sum = block_reduce_sum(sum);
  if (threadIdx.x == 0) y[blockIdx.x] = sum + bias[output];
}

// One thread per value of dx.
KERNEL linear_input_gradient(act_t *dx, const float *dy, const float *w, index_t inputs,
                             index_t outputs, index_t round_to_bf16, index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  index_t row = i / inputs, input = i % inputs;
  float sum = 0.0f;
  for (index_t o = 0; o < outputs; ++o)
    sum += gemm_operand(dy[row * outputs + o], round_to_bf16) *
           gemm_operand(w[o * inputs + input], round_to_bf16);
  store(dx[i], sum);
}

// One thread per weight.
KERNEL linear_weight_gradient(float *dw, const act_t *x, const float *dy, index_t rows,
                              index_t inputs, index_t outputs, index_t round_to_bf16,
                              index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  index_t output = i / inputs, input = i % inputs;
  float sum = 0.0f;
  for (index_t row = 0; row < rows; ++row)
    sum += gemm_operand(dy[row * outputs + output], round_to_bf16) *
           gemm_operand(to_float(x[row * inputs + input]), round_to_bf16);
  dw[i] = sum;
}

// Column sums of dy. One block per column.
KERNEL linear_bias_gradient(float *sums, const float *dy, index_t rows, index_t columns) {
  float sum = 0.0f;
  for (index_t row = threadIdx.x; row < rows; row += THREADS) sum += dy[row * columns + blockIdx.x];
  sum = block_reduce_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// ln(1 + e^x).
__device__ inline double softplus(double x) {
  return (x > 0.0 ? x : 0.0) + log1p(exp(-fabs(x))) + (x != x ? x : 0.0);
}

__device__ inline double sigmoid(double x) {
  return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x));
}

__device__ inline double focal_factor(double x, double target, double gamma) {
  return gamma == 0.0 ? 1.0 : exp(-gamma * softplus(x * (2.0 * target - 1.0)));
}

// Focal loss as defined in loss.rs, in double. `weights`, one per label, may be null. One block.
KERNEL loss_forward(float *loss, const float *logits, const float *targets, const float *weights,
                    index_t labels, index_t count, double gamma, double scale) {
  double sum = 0.0;
  for (index_t i = threadIdx.x; i < count; i += THREADS) {
    double x = logits[i], target = targets[i], weight = weights ? weights[i % labels] : 1.0;
    sum += weight * (focal_factor(x, target, gamma) * (softplus(x) - x * target));
  }
  sum = block_reduce_sum(sum);
  if (threadIdx.x == 0) *loss = (float)(sum * scale);
}

KERNEL loss_backward(float *dx, const float *logits, const float *targets, const float *weights,
                     const float *gradient, index_t labels, index_t count, double gamma,
                     double scale) {
  index_t i = global_thread_index();
  if (i >= count) return;
  double x = logits[i], target = targets[i], weight = weights ? weights[i % labels] : 1.0;
  double sign = 2.0 * target - 1.0, factor = focal_factor(x, target, gamma);
  double entropy = softplus(x) - x * target;
  double derivative = -gamma * sign * sigmoid(x * sign) * factor * entropy;
  derivative += factor * (sigmoid(x) - target);
  dx[i] = (float)(scale * (double)*gradient * weight * derivative);
}
