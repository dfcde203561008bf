// Operations on one value at a time. A thread a value.

// min(max(x, 0), most), NaN for NaN; a `most` of NaN cuts nothing off.
KERNEL rectify_forward(real *y, const real *x, float most, integer count) {
  integer i = thread_number();
  if (i >= count) return;
  float low = rectify(number(x[i]));
  put(y[i], low > most ? most : low);
}

KERNEL rectify_backward(real *dx, const real *y, const real *dy, float most, integer count) {
  integer i = thread_number();
  if (i >= count) return;
  float value = number(y[i]);
  put(dx[i], value <= 0.0f || value >= most ? 0.0f : number(dy[i]));
}

KERNEL add_in_place(real *sum, const real *term, integer count) {
  integer i = thread_number();
  if (i < count) put(sum[i], number(sum[i]) + number(term[i]));
}

KERNEL from_float(real *to, const float *from, integer count) {
  integer i = thread_number();
  if (i < count) put(to[i], from[i]);
}

KERNEL to_float(float *to, const real *from, integer count) {
  integer i = thread_number();
  if (i < count) to[i] = number(from[i]);
}

// Weights from [O][I][taps] in float to [O][taps][I], the filter's layout beside NHWC.
KERNEL weights_in(real *to, const float *from, integer inputs, integer taps, integer count) {
  integer i = thread_number();
  if (i >= count) return;
  integer input = i % inputs, tap = i / inputs % taps, output = i / inputs / taps;
  put(to[i], from[(output * inputs + input) * taps + tap]);
}

// And back, for their gradient.
KERNEL weights_out(float *to, const real *from, integer inputs, integer taps, integer count) {
  integer i = thread_number();
  if (i >= count) return;
  integer tap = i % taps, input = i / taps % inputs, output = i / taps / inputs;
  to[i] = number(from[(output * taps + tap) * inputs + input]);
}

// Two vectors of `half` floats, one behind the other.
KERNEL join(float *to, const float *a, const float *b, integer half) {
  integer i = thread_number();
  if (i < 2 * half) to[i] = i < half ? a[i] : b[i - half];
}

// Zeros around an image; `y` is the larger, [N][top + H + bottom][left + W + right][C].
KERNEL pad_forward(real *y, const real *x, integer top, integer left, integer h, integer w,
                   integer c, integer outer_h, integer outer_w, integer count) {
  integer i = thread_number();
  if (i >= count) return;
  integer channel = i % c, column = i / c % outer_w - left;
  integer row = i / c / outer_w % outer_h - top, image = i / c / outer_w / outer_h;
  if (row >= 0 && row < h && column >= 0 && column < w) {
    y[i] = x[((image * h + row) * w + column) * c + channel];
  } else {
    put(y[i], 0.0f);
  }
}

KERNEL pad_backward(real *dx, const real *dy, integer top, integer left, integer h, integer w,
                    integer c, integer outer_h, integer outer_w, integer count) {
  integer i = thread_number();
  if (i >= count) return;
  integer channel = i % c, column = i / c % w, row = i / c / w % h, image = i / c / w / h;
  dx[i] = dy[((image * outer_h + top + row) * outer_w + left + column) * c + channel];
}
