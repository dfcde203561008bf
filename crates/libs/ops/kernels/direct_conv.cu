// Direct convolution for shapes that cuDNN refuses: correct, not fast.
// Weights are [O][taps][I / groups] as for cuDNN.

// One thread per output value.
KERNEL direct_conv_forward(act_t *y, const act_t *x, const act_t *weights, index_t h, index_t w,
                           index_t c_in, index_t c_out, index_t kh, index_t kw, index_t stride,
                           index_t padding, index_t groups, index_t h_out, index_t w_out,
                           index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  index_t output = i % c_out, column = i / c_out % w_out, row = i / c_out / w_out % h_out;
  index_t image = i / c_out / w_out / h_out;
  index_t group_inputs = c_in / groups, first = output / (c_out / groups) * group_inputs;
  float sum = 0.0f;
  for (index_t ky = 0; ky < kh; ++ky) {
    index_t in_row = row * stride + ky - padding;
    if (in_row < 0 || in_row >= h) continue;
    for (index_t kx = 0; kx < kw; ++kx) {
      index_t in_column = column * stride + kx - padding;
      if (in_column < 0 || in_column >= w) continue;
      const act_t *from = x + ((image * h + in_row) * w + in_column) * c_in + first;
      const act_t *weight = weights + ((output * kh + ky) * kw + kx) * group_inputs;
      for (index_t k = 0; k < group_inputs; ++k) sum += to_float(from[k]) * to_float(weight[k]);
    }
  }
  store(y[i], sum);
}

// One thread per input value.
KERNEL direct_conv_input_gradient(act_t *dx, const act_t *dy, const act_t *weights, index_t h,
                                  index_t w, index_t c_in, index_t c_out, index_t kh, index_t kw,
                                  index_t stride, index_t padding, index_t groups, index_t h_out,
                                  index_t w_out, index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  index_t input = i % c_in, column = i / c_in % w + padding, row = i / c_in / w % h + padding;
  index_t image = i / c_in / w / h;
  index_t group_inputs = c_in / groups, group_outputs = c_out / groups,
          first = input / group_inputs * group_outputs;
  float sum = 0.0f;
  for (index_t ky = 0; ky < kh && ky <= row; ++ky) {
    index_t in_row = (row - ky) / stride;
    if ((row - ky) % stride != 0 || in_row >= h_out) continue;
    for (index_t kx = 0; kx < kw && kx <= column; ++kx) {
      index_t in_column = (column - kx) / stride;
      if ((column - kx) % stride != 0 || in_column >= w_out) continue;
      const act_t *from = dy + ((image * h_out + in_row) * w_out + in_column) * c_out + first;
      for (index_t k = 0; k < group_outputs; ++k) {
        index_t at = (((first + k) * kh + ky) * kw + kx) * group_inputs + input % group_inputs;
        sum += to_float(from[k]) * to_float(weights[at]);
      }
    }
  }
  store(dx[i], sum);
}

// One block per weight; the gradient is float, [O][I / groups][taps].
KERNEL direct_conv_weight_gradient(float *dw, const act_t *x, const act_t *dy, index_t h, index_t w,
                                   index_t c_in, index_t c_out, index_t kh, index_t kw,
                                   index_t stride, index_t padding, index_t groups, index_t h_out,
                                   index_t w_out, index_t images) {
  index_t group_inputs = c_in / groups, i = blockIdx.x;
  index_t kx = i % kw, ky = i / kw % kh, k = i / kw / kh % group_inputs,
          output = i / kw / kh / group_inputs;
  index_t input = output / (c_out / groups) * group_inputs + k, rows = images * h_out * w_out;
  float sum = 0.0f;
  for (index_t pixel = threadIdx.x; pixel < rows; pixel += THREADS) {
    index_t in_row = pixel / w_out % h_out * stride + ky - padding;
    index_t in_column = pixel % w_out * stride + kx - padding;
    if (in_row < 0 || in_row >= h || in_column < 0 || in_column >= w) continue;
    index_t from = (pixel / w_out / h_out * h + in_row) * w + in_column;
    sum += to_float(x[from * c_in + input]) * to_float(dy[pixel * c_out + output]);
  }
  sum = block_reduce_sum(sum);
  if (threadIdx.x == 0) dw[i] = sum;
}
