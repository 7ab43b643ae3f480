// attention.cuh: what the attention kernels share: batch items, the online softmax over accumulator fragments, the store of a fragment.
// A fragment is the accumulator of mma.m16n8 and of wgmma alike: the thread holds, for row lane / 4 (elements 0, 1) and row lane / 4 + 8
// (elements 2, 3), columns 2 * (lane % 4) and the next one of each group of 8 columns. The four lanes of a row are its quad.
#pragma once
#include "ptx.cuh"

// One batch item. `first_tile` counts the query tiles of the items before it.
struct AttentionItem {
    int query_start, query_count;
    int key_start, key_count;
    int first_tile;
};

static __device__ __forceinline__ float minus_infinity() { return __uint_as_float(0xff800000u); }

// A row's maximum may lag by this many powers of two before sums and output are rescaled; exact, because all use the same maximum.
static constexpr float kRescaleThreshold = 8.0f;

// As ldmatrix_x4, each matrix transposed.
static __device__ __forceinline__ void ldmatrix_x4_transposed(uint32_t (&r)[4], uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared)
                 : "memory");
}

static __device__ __forceinline__ float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}

static __device__ __forceinline__ float quad_sum(float x) {
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

// Piece c of chunks 0..3 in lane c of a quad becomes pieces 0..3 of chunk c.
static __device__ __forceinline__ void quad_transpose(uint32_t (&w)[4]) {
    bool odd = (threadIdx.x & 1) != 0, high = (threadIdx.x & 2) != 0;
    uint32_t r = __shfl_xor_sync(0xffffffffu, odd ? w[0] : w[1], 1);
    (odd ? w[0] : w[1]) = r;
    r = __shfl_xor_sync(0xffffffffu, odd ? w[2] : w[3], 1);
    (odd ? w[2] : w[3]) = r;
    uint32_t r0 = __shfl_xor_sync(0xffffffffu, high ? w[0] : w[2], 2);
    uint32_t r1 = __shfl_xor_sync(0xffffffffu, high ? w[1] : w[3], 2);
    uint32_t a0 = high ? r0 : w[0], a1 = high ? r1 : w[1], a2 = high ? w[2] : r0, a3 = high ? w[3] : r1;
    w[0] = a0, w[1] = a1, w[2] = a2, w[3] = a3;
}

// Keeps the running maximum of one row of raw scores: returns the factor for what has been summed so far, 1 where the maximum may lag.
static __device__ __forceinline__ float raise_maximum(float& maximum, float candidate, float scale) {
    bool raise = (candidate - maximum) * scale > kRescaleThreshold;
    float factor = raise ? exp2_approx((maximum - candidate) * scale) : 1.0f;
    maximum = raise ? candidate : maximum;
    return factor;
}
