// What the parts of the fake card share.
#pragma once

typedef unsigned long long Address;

// The kernels, compiled for each kind of activations (build.sh).
extern "C" int emulate_f32(const char *, const char *, const unsigned *, void **);
extern "C" int emulate_bf16(const char *, const char *, const unsigned *, void **);
