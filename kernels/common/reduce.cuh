// reduce.cuh: sums and maxima over a warp or a block.
#pragma once
#include "types.cuh"

static __device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) x += __shfl_xor_sync(0xffffffffu, x, offset);
    return x;
}

static __device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, offset));
    return x;
}

// Sum over a block of kThreads threads, the same in every thread. `scratch` holds kThreads / 32 floats; a second call may follow at once.
template <int kThreads>
static __device__ __forceinline__ float block_sum(float x, float* scratch) {
    x = warp_sum(x);
    if (kThreads == 32) return x;
    if ((threadIdx.x & 31) == 0) scratch[threadIdx.x >> 5] = x;
    __syncthreads();
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < kThreads / 32; i++) sum += scratch[i];
    __syncthreads();
    return sum;
}

// Sum over the threads of a row, the same in each: one warp, or the whole block. `scratch` holds 32 floats that no other sum of the kernel uses,
// so that one barrier is enough.
static __device__ __forceinline__ float row_sum(float x, int row_threads, float* scratch) {
    x = warp_sum(x);
    if (row_threads == 32) return x;
    if ((threadIdx.x & 31) == 0) scratch[threadIdx.x >> 5] = x;
    __syncthreads();
    float sum = 0.0f;
    for (int i = 0; i < row_threads / 32; i++) sum += scratch[i];
    return sum;
}
