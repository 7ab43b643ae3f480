// convert.cuh: elements whose type is known only at run time: the stored types of weights.
#pragma once
#include "types.cuh"

// As the engine's DType: F32, F16, BF16.
constexpr int32_t kF32 = 0;
constexpr int32_t kF16 = 1;
constexpr int32_t kBf16 = 2;

static __device__ __forceinline__ float half_to_float(uint16_t bits) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(bits));
    return y;
}

// Nearest, ties to even.
static __device__ __forceinline__ uint16_t float_to_half(float x) {
    uint16_t y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}

static __device__ __forceinline__ float load_element(const void* p, int64_t i, int32_t type) {
    if (type == kF32) return static_cast<const float*>(p)[i];
    if (type == kF16) return half_to_float(static_cast<const uint16_t*>(p)[i]);
    return to_float(static_cast<const bf16*>(p)[i]);
}

static __device__ __forceinline__ void store_element(void* p, int64_t i, int32_t type, float x) {
    if (type == kF32) {
        static_cast<float*>(p)[i] = x;
    } else if (type == kF16) {
        static_cast<uint16_t*>(p)[i] = float_to_half(x);
    } else {
        static_cast<bf16*>(p)[i] = from_float<bf16>(x);
    }
}
