// Convolution straight from the definition, for the shapes that cuDNN refuses: right, not fast.
// Weights are [O][taps][I / groups] as for cuDNN.


// A thread an output.
KERNEL direct_forward(real *y, const real *x, const real *weights, integer h, integer w,
                      integer c_in, integer c_out, integer kh, integer kw, integer stride,
                      integer padding, integer groups, integer h_out, integer w_out,
                      integer count) {
  integer i = thread_number();
  if (i >= count) return;
  integer output = i % c_out, column = i / c_out % w_out, row = i / c_out / w_out % h_out;
  integer image = i / c_out / w_out / h_out;
  integer inputs = c_in / groups, first = output / (c_out / groups) * inputs;
  float sum = 0.0f;
  for (integer ky = 0; ky < kh; ++ky) {
    integer line = row * stride + ky - padding;
    if (line < 0 || line >= h) continue;
    for (integer kx = 0; kx < kw; ++kx) {
      integer place = column * stride + kx - padding;
      if (place < 0 || place >= w) continue;
      const real *from = x + ((image * h + line) * w + place) * c_in + first;
      const real *weight = weights + ((output * kh + ky) * kw + kx) * inputs;
      for (integer k = 0; k < inputs; ++k) sum += number(from[k]) * number(weight[k]);
    }
  }
  put(y[i], sum);
}

// A thread an input.
KERNEL direct_input_gradient(real *dx, const real *dy, const real *weights, integer h, integer w,
                             integer c_in, integer c_out, integer kh, integer kw, integer stride,
                             integer padding, integer groups, integer h_out, integer w_out,
                             integer count) {
  integer i = thread_number();
  if (i >= count) return;
  integer input = i % c_in, column = i / c_in % w + padding, row = i / c_in / w % h + padding;
  integer image = i / c_in / w / h;
  integer inputs = c_in / groups, outputs = c_out / groups, first = input / inputs * outputs;
  float sum = 0.0f;
  for (integer ky = 0; ky < kh && ky <= row; ++ky) {
    integer line = (row - ky) / stride;
    if ((row - ky) % stride != 0 || line >= h_out) continue;
    for (integer kx = 0; kx < kw && kx <= column; ++kx) {
      integer place = (column - kx) / stride;
      if ((column - kx) % stride != 0 || place >= w_out) continue;
      const real *from = dy + ((image * h_out + line) * w_out + place) * c_out + first;
      for (integer k = 0; k < outputs; ++k) {
        integer at = (((first + k) * kh + ky) * kw + kx) * inputs + input % inputs;
        sum += number(from[k]) * number(weights[at]);
      }
    }
  }
  put(dx[i], sum);
}

// A block a weight; its gradient comes out in float as [O][I / groups][taps].
KERNEL direct_weight_gradient(float *dw, const real *x, const real *dy, integer h, integer w,
                              integer c_in, integer c_out, integer kh, integer kw, integer stride,
                              integer padding, integer groups, integer h_out, integer w_out,
                              integer images) {
  integer inputs = c_in / groups, i = blockIdx.x;
  integer kx = i % kw, ky = i / kw % kh, k = i / kw / kh % inputs, output = i / kw / kh / inputs;
  integer input = output / (c_out / groups) * inputs + k, rows = images * h_out * w_out;
  float sum = 0.0f;
  for (integer pixel = threadIdx.x; pixel < rows; pixel += THREADS) {
    integer line = pixel / w_out % h_out * stride + ky - padding;
    integer place = pixel % w_out * stride + kx - padding;
    if (line < 0 || line >= h || place < 0 || place >= w) continue;
    integer from = (pixel / w_out / h_out * h + line) * w + place;
    sum += number(x[from * c_in + input]) * number(dy[pixel * c_out + output]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) dw[i] = sum;
}
