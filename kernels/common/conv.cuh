// conv.cuh: what the convolution kernels share: where a tap reads, and how fragments of an accumulator leave.
#pragma once
#include "types.cuh"

// Source pixel of output (oy, ox) and tap (ky, kx). In the enlarged map it is (oy * stride + ky - pad, ox * stride + kx - pad);
// enlargement by 2 repeats pixels, so that the stored one is at half the coordinates. False where the tap sees the zero border.
static __device__ __forceinline__ bool tap_source(int& y, int& x, int oy, int ox, int ky, int kx, int stride, int pad, int up, int h, int w) {
    y = oy * stride + ky - pad;
    x = ox * stride + kx - pad;
    bool inside = y >= 0 && x >= 0;
    y >>= up;
    x >>= up;
    return inside && y < h && x < w;
}

// Two adjacent 8-column fragments of one row, spread over the four lanes of a quad as mma leaves them (lane q holds columns 2q, 2q + 1 of
// each), become four adjacent columns a lane: lane q then holds those from quad_column(q) on, of the 16. One row is then stored as one
// full 32-byte sector.
static __device__ __forceinline__ Pack<float, 4> quad_exchange(float a0, float a1, float b0, float b1) {
    bool odd = threadIdx.x & 1;
    float s0 = __shfl_xor_sync(0xffffffffu, odd ? a0 : b0, 1);
    float s1 = __shfl_xor_sync(0xffffffffu, odd ? a1 : b1, 1);
    return odd ? Pack<float, 4>{s0, s1, b0, b1} : Pack<float, 4>{a0, a1, s0, s1};
}

static __device__ __forceinline__ int quad_column() { return (threadIdx.x & 1) * 8 + (threadIdx.x & 2) * 2; }

// Four columns of the residual at element `at`; zero where there is none. Loaded in batches ahead of the stores, because the residual may be
// the output, so that the compiler cannot move a load over a store by itself.
static __device__ __forceinline__ Pack<uint32_t, 2> load_residual(const bf16* residual, int64_t at, bool inside) {
    return inside && residual ? load_pack<uint32_t, 2>(reinterpret_cast<const uint32_t*>(residual + at)) : Pack<uint32_t, 2>{0u, 0u};
}

// y = bf16(accumulator + bias + residual) for four columns; rounds once.
static __device__ __forceinline__ void store_columns(bf16* y, const Pack<float, 4>& v, const Pack<float, 4>& bias, const Pack<uint32_t, 2>& r) {
    Pack<uint32_t, 2> out{pack_bf16x2(v.v[0] + bias.v[0] + low_bf16(r.v[0]), v.v[1] + bias.v[1] + high_bf16(r.v[0])),
                          pack_bf16x2(v.v[2] + bias.v[2] + low_bf16(r.v[1]), v.v[3] + bias.v[3] + high_bf16(r.v[1]))};
    store_pack<uint32_t, 2>(reinterpret_cast<uint32_t*>(y), out);
}
