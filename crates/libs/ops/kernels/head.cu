// What comes last in a network: the linear layer and the loss. Small beside the rest, so plain.
// With `rounds`, operands of products are rounded to bf16; products are summed in float.

// y = x w^T + bias for x [N][in], w [out][in]: a block an output value.
KERNEL linear_forward(float *y, const real *x, const float *w, const float *bias, integer inputs,
                      integer outputs, integer rounds) {
  integer row = blockIdx.x / outputs, output = blockIdx.x % outputs;
  float sum = 0.0f;
  for (integer i = threadIdx.x; i < inputs; i += THREADS)
    sum += operand(number(x[row * inputs + i]), rounds) * operand(w[output * inputs + i], rounds);
  sum = block_sum(sum);
  if (threadIdx.x == 0) y[blockIdx.x] = sum + bias[output];
}

// A thread a value of dx.
KERNEL linear_input_gradient(real *dx, const float *dy, const float *w, integer inputs,
                             integer outputs, integer rounds, integer count) {
  integer i = thread_number();
  if (i >= count) return;
  integer row = i / inputs, input = i % inputs;
  float sum = 0.0f;
  for (integer o = 0; o < outputs; ++o)
    sum += operand(dy[row * outputs + o], rounds) * operand(w[o * inputs + input], rounds);
  put(dx[i], sum);
}

// A thread a weight.
KERNEL linear_weight_gradient(float *dw, const real *x, const float *dy, integer rows,
                              integer inputs, integer outputs, integer rounds, integer count) {
  integer i = thread_number();
  if (i >= count) return;
  integer output = i / inputs, input = i % inputs;
  float sum = 0.0f;
  for (integer row = 0; row < rows; ++row)
    sum += operand(dy[row * outputs + output], rounds) *
           operand(number(x[row * inputs + input]), rounds);
  dw[i] = sum;
}

// The bias's gradient: a block a column of dy.
KERNEL column_sums(float *sums, const float *dy, integer rows, integer columns) {
  float sum = 0.0f;
  for (integer row = threadIdx.x; row < rows; row += THREADS)
    sum += dy[row * columns + blockIdx.x];
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// ln(1 + e^x).
__device__ inline double softplus(double x) {
  return (x > 0.0 ? x : 0.0) + log1p(exp(-fabs(x))) + (x != x ? x : 0.0);
}

__device__ inline double sigmoid(double x) {
  return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x));
}

__device__ inline double focus(double x, double target, double gamma) {
  return gamma == 0.0 ? 1.0 : exp(-gamma * softplus(x * (2.0 * target - 1.0)));
}

// The focal loss as loss.rs defines it, in double. `weights`, one a label, may be null. One block.
KERNEL loss_forward(float *loss, const float *logits, const float *targets, const float *weights,
                    integer labels, integer count, double gamma, double scale) {
  double sum = 0.0;
  for (integer i = threadIdx.x; i < count; i += THREADS) {
    double x = logits[i], target = targets[i], weight = weights ? weights[i % labels] : 1.0;
    sum += weight * (focus(x, target, gamma) * (softplus(x) - x * target));
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) *loss = (float)(sum * scale);
}

KERNEL loss_backward(float *dx, const float *logits, const float *targets, const float *weights,
                     const float *gradient, integer labels, integer count, double gamma,
                     double scale) {
  integer i = thread_number();
  if (i >= count) return;
  double x = logits[i], target = targets[i], weight = weights ? weights[i % labels] : 1.0;
  double sign = 2.0 * target - 1.0, focused = focus(x, target, gamma);
  double entropy = softplus(x) - x * target;
  double slope = -gamma * sign * sigmoid(x * sign) * focused * entropy;
  slope += focused * (sigmoid(x) - target);
  dx[i] = (float)(scale * (double)*gradient * weight * slope);
}
