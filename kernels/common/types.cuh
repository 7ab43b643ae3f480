// types.cuh: scalar types, 16-byte packs, and the attributes that a compiler without the CUDA toolkit lacks.
// Includes no toolkit header: the engine compiles these files with NVRTC alone, the offline gate with nvcc or with clang.
#pragma once

// A file may be divided into parts that are compiled apart, so that none takes long: entries between `#if BUILDS(part)` and `#endif` belong to that
// part, and their names end in `_part`; of parts that fit, the longest is meant. A compiler that is given no part compiles them all.
#define BUILDS(part) (!ZIMAGE_PARTS || ZIMAGE_PART_##part)

#if defined(__clang__)
#include "clang.cuh"
#endif

#if defined(__CUDACC__) && !defined(__CUDACC_RTC__) && !defined(__clang__)
// nvcc has brought the system's own along.
#include <stdint.h>
#else
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef int int32_t;
typedef long long int64_t;
#endif

// bfloat16 as its 16 bits. Arithmetic happens in float; this type is storage.
struct bf16 {
    uint16_t bits;
};

static __device__ __forceinline__ float to_float(float x) { return x; }

static __device__ __forceinline__ float to_float(bf16 x) { return __uint_as_float(static_cast<uint32_t>(x.bits) << 16); }

template <typename T>
static __device__ __forceinline__ T from_float(float x);

template <>
__device__ __forceinline__ float from_float<float>(float x) {
    return x;
}

// Nearest, ties to even; NaN stays NaN.
template <>
__device__ __forceinline__ bf16 from_float<bf16>(float x) {
    bf16 y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
}

// Two floats to two bf16 in one register, low first.
static __device__ __forceinline__ uint32_t pack_bf16x2(float low, float high) {
    uint32_t y;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
}

static __device__ __forceinline__ float low_bf16(uint32_t pair) { return __uint_as_float(pair << 16); }

static __device__ __forceinline__ float high_bf16(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

// N elements that move as one load or store; N * sizeof(T) is 4, 8 or 16.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
    T v[N];
};

// Elements of one 16-byte access.
template <typename T>
struct Vec {
    static constexpr int kCount = 16 / sizeof(T);
};

template <typename T, int N>
static __device__ __forceinline__ Pack<T, N> load_pack(const T* p) {
    return *reinterpret_cast<const Pack<T, N>*>(p);
}

template <typename T, int N>
static __device__ __forceinline__ void store_pack(T* p, const Pack<T, N>& x) {
    *reinterpret_cast<Pack<T, N>*>(p) = x;
}
