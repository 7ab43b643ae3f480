// clang.cuh: what clang lacks when it compiles kernels without the CUDA toolkit (-nocudainc -nocudalib): attributes, built-in variables, and the
// device functions that the kernels may use. types.cuh includes it for clang alone; NVRTC and nvcc bring their own. What is here is all there is:
// a kernel that uses anything else does not pass the offline gate, and is asked whether it needs it.
// Mathematics is declared and not defined: the gate compiles, it does not link.
#pragma once

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __host__ __attribute__((host))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __restrict__ __restrict
#if __has_attribute(grid_constant)
#define __grid_constant__ __attribute__((grid_constant))
#else
#define __grid_constant__
#endif
#if __has_attribute(cluster_dims)
#define __cluster_dims__(...) __attribute__((cluster_dims(__VA_ARGS__)))
#else
#define __cluster_dims__(...)
#endif

// clang's own header of the built-in variables needs these types.
typedef __SIZE_TYPE__ size_t;
struct uint3 {
    unsigned int x, y, z;
};
struct dim3 {
    unsigned int x, y, z;
    __attribute__((host)) __attribute__((device)) constexpr dim3(unsigned int x = 1, unsigned int y = 1, unsigned int z = 1) : x(x), y(y), z(z) {}
    __attribute__((host)) __attribute__((device)) constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};
#define ZIMAGE_DEVICE static __device__ __forceinline__
#include <__clang_cuda_builtin_vars.h>

ZIMAGE_DEVICE void __syncwarp(unsigned int mask = 0xffffffffu) { __nvvm_bar_warp_sync(mask); }
ZIMAGE_DEVICE void __threadfence() { __nvvm_membar_gl(); }
ZIMAGE_DEVICE void __threadfence_block() { __nvvm_membar_cta(); }
ZIMAGE_DEVICE void __trap() { __builtin_trap(); }
ZIMAGE_DEVICE void __nanosleep(unsigned int nanoseconds) { asm volatile("nanosleep.u32 %0;" ::"r"(nanoseconds)); }

// Width 32: 0x1f is the clamp of a whole warp, 0 that of shuffles upwards.
#define ZIMAGE_SHUFFLE(name, builtin, clamp)                                                                                        \
    ZIMAGE_DEVICE int name(unsigned int mask, int x, int lane) { return builtin##i32(mask, x, lane, clamp); }           \
    ZIMAGE_DEVICE float name(unsigned int mask, float x, int lane) { return builtin##f32(mask, x, lane, clamp); }       \
    ZIMAGE_DEVICE unsigned int name(unsigned int mask, unsigned int x, int lane) {                                      \
        return static_cast<unsigned int>(builtin##i32(mask, static_cast<int>(x), lane, clamp));                                    \
    }
ZIMAGE_SHUFFLE(__shfl_sync, __nvvm_shfl_sync_idx_, 0x1f)
ZIMAGE_SHUFFLE(__shfl_xor_sync, __nvvm_shfl_sync_bfly_, 0x1f)
ZIMAGE_SHUFFLE(__shfl_down_sync, __nvvm_shfl_sync_down_, 0x1f)
ZIMAGE_SHUFFLE(__shfl_up_sync, __nvvm_shfl_sync_up_, 0)
#undef ZIMAGE_SHUFFLE

ZIMAGE_DEVICE int __any_sync(unsigned int mask, int predicate) { return __nvvm_vote_any_sync(mask, predicate); }
ZIMAGE_DEVICE int __all_sync(unsigned int mask, int predicate) { return __nvvm_vote_all_sync(mask, predicate); }
ZIMAGE_DEVICE unsigned int __ballot_sync(unsigned int mask, int predicate) { return __nvvm_vote_ballot_sync(mask, predicate); }

ZIMAGE_DEVICE size_t __cvta_generic_to_shared(const void* p) { return (size_t)(__attribute__((address_space(3))) const void*)p; }
ZIMAGE_DEVICE size_t __cvta_generic_to_global(const void* p) { return (size_t)(__attribute__((address_space(1))) const void*)p; }

ZIMAGE_DEVICE unsigned int __float_as_uint(float x) { return __builtin_bit_cast(unsigned int, x); }
ZIMAGE_DEVICE int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
ZIMAGE_DEVICE float __uint_as_float(unsigned int x) { return __builtin_bit_cast(float, x); }
ZIMAGE_DEVICE float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
ZIMAGE_DEVICE float __uint2float_rn(unsigned int x) { return static_cast<float>(x); }
ZIMAGE_DEVICE float __int2float_rn(int x) { return static_cast<float>(x); }
ZIMAGE_DEVICE int __float2int_rn(float x) { return __nvvm_f2i_rn(x); }
ZIMAGE_DEVICE unsigned int __float2uint_rn(float x) { return __nvvm_f2ui_rn(x); }

ZIMAGE_DEVICE float __fmul_rn(float x, float y) { return __nvvm_mul_rn_f(x, y); }
ZIMAGE_DEVICE float __fadd_rn(float x, float y) { return __nvvm_add_rn_f(x, y); }
ZIMAGE_DEVICE float __fsub_rn(float x, float y) { return __nvvm_add_rn_f(x, -y); }
ZIMAGE_DEVICE float __fmaf_rn(float x, float y, float z) { return __nvvm_fma_rn_f(x, y, z); }
ZIMAGE_DEVICE float __fdiv_rn(float x, float y) { return __nvvm_div_rn_f(x, y); }
ZIMAGE_DEVICE float __fsqrt_rn(float x) { return __nvvm_sqrt_rn_f(x); }
ZIMAGE_DEVICE float __frcp_rn(float x) { return __nvvm_rcp_rn_f(x); }
ZIMAGE_DEVICE double __dmul_rn(double x, double y) { return __nvvm_mul_rn_d(x, y); }
ZIMAGE_DEVICE double __dadd_rn(double x, double y) { return __nvvm_add_rn_d(x, y); }

ZIMAGE_DEVICE float fmaf(float x, float y, float z) { return __nvvm_fma_rn_f(x, y, z); }
ZIMAGE_DEVICE float fmaxf(float x, float y) { return __nvvm_fmax_f(x, y); }
ZIMAGE_DEVICE float fminf(float x, float y) { return __nvvm_fmin_f(x, y); }
ZIMAGE_DEVICE float fabsf(float x) { return __builtin_fabsf(x); }
ZIMAGE_DEVICE float sqrtf(float x) { return __nvvm_sqrt_rn_f(x); }
ZIMAGE_DEVICE float rsqrtf(float x) { return __nvvm_rsqrt_approx_f(x); }
ZIMAGE_DEVICE float rintf(float x) { return __builtin_rintf(x); }
ZIMAGE_DEVICE float floorf(float x) { return __builtin_floorf(x); }
ZIMAGE_DEVICE float ceilf(float x) { return __builtin_ceilf(x); }
extern "C" {
__device__ float expf(float x);
__device__ float exp2f(float x);
__device__ float logf(float x);
__device__ float log2f(float x);
__device__ float sinf(float x);
__device__ float cosf(float x);
__device__ float tanhf(float x);
__device__ double exp(double x);
__device__ double log(double x);
__device__ double sqrt(double x);
__device__ double fma(double x, double y, double z);
}

ZIMAGE_DEVICE int min(int x, int y) { return x < y ? x : y; }
ZIMAGE_DEVICE int max(int x, int y) { return x > y ? x : y; }
ZIMAGE_DEVICE unsigned int min(unsigned int x, unsigned int y) { return x < y ? x : y; }
ZIMAGE_DEVICE unsigned int max(unsigned int x, unsigned int y) { return x > y ? x : y; }
ZIMAGE_DEVICE long long min(long long x, long long y) { return x < y ? x : y; }
ZIMAGE_DEVICE long long max(long long x, long long y) { return x > y ? x : y; }
ZIMAGE_DEVICE unsigned int __umulhi(unsigned int x, unsigned int y) { return __nvvm_mulhi_ui(x, y); }
ZIMAGE_DEVICE int __popc(unsigned int x) { return __builtin_popcount(x); }
ZIMAGE_DEVICE int __clz(int x) { return __builtin_clz(static_cast<unsigned int>(x)); }

ZIMAGE_DEVICE int atomicAdd(int* p, int x) { return __nvvm_atom_add_gen_i(p, x); }
ZIMAGE_DEVICE unsigned int atomicAdd(unsigned int* p, unsigned int x) {
    return static_cast<unsigned int>(__nvvm_atom_add_gen_i(reinterpret_cast<int*>(p), static_cast<int>(x)));
}
