// Elementwise kernels: ReLU, addition, casts, filter layouts, concatenation, zero padding. One
// thread per value.

// min(max(x, 0), limit); NaN stays NaN. A NaN `limit` means no upper limit.
KERNEL relu_forward(act_t *y, const act_t *x, float limit, index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  float positive = relu_value(to_float(x[i]));
  store(y[i], positive > limit ? limit : positive);
}

KERNEL relu_backward(act_t *dx, const act_t *y, const act_t *dy, float limit, index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  float value = to_float(y[i]);
  store(dx[i], value <= 0.0f || value >= limit ? 0.0f : to_float(dy[i]));
}

KERNEL add_in_place(act_t *sum, const act_t *term, index_t count) {
  index_t i = global_thread_index();
  if (i < count) store(sum[i], to_float(sum[i]) + to_float(term[i]));
}

KERNEL cast_from_f32(act_t *to, const float *from, index_t count) {
  index_t i = global_thread_index();
  if (i < count) store(to[i], from[i]);
}

KERNEL cast_to_f32(float *to, const act_t *from, index_t count) {
  index_t i = global_thread_index();
  if (i < count) to[i] = to_float(from[i]);
}

// f32 weights [O][I][taps] to [O][taps][I], the filter layout that goes with NHWC.
KERNEL filter_from_oihw(act_t *to, const float *from, index_t inputs, index_t taps, index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  index_t input = i % inputs, tap = i / inputs % taps, output = i / inputs / taps;
  store(to[i], from[(output * inputs + input) * taps + tap]);
}

// The inverse, for the gradient of the weights.
KERNEL filter_to_oihw(float *to, const act_t *from, index_t inputs, index_t taps, index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  index_t tap = i % taps, input = i / taps % inputs, output = i / taps / inputs;
  to[i] = to_float(from[(output * taps + tap) * inputs + input]);
}

// Concatenates two vectors of `half` floats.
KERNEL concat_halves(float *to, const float *a, const float *b, index_t half) {
  index_t i = global_thread_index();
  if (i < 2 * half) to[i] = i < half ? a[i] : b[i - half];
}

// Zero padding: x is [N][H][W][C], y is [N][top + H + bottom][left + W + right][C].
KERNEL pad_forward(act_t *y, const act_t *x, index_t top, index_t left, index_t h, index_t w,
                   index_t c, index_t outer_h, index_t outer_w, index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  index_t channel = i % c, column = i / c % outer_w - left;
  index_t row = i / c / outer_w % outer_h - top, image = i / c / outer_w / outer_h;
  if (row >= 0 && row < h && column >= 0 && column < w) {
    y[i] = x[((image * h + row) * w + column) * c + channel];
  } else {
    store(y[i], 0.0f);
  }
}

KERNEL pad_backward(act_t *dx, const act_t *dy, index_t top, index_t left, index_t h, index_t w,
                    index_t c, index_t outer_h, index_t outer_w, index_t count) {
  index_t i = global_thread_index();
  if (i >= count) return;
  index_t channel = i % c, column = i / c % w, row = i / c / w % h, image = i / c / w / h;
  dx[i] = dy[((image * outer_h + top + row) * outer_w + left + column) * c + channel];
}
