// rope: per-head RMS norm and rotary embedding, in place.
//
// Math       for each head z of a row: z = z * rsqrt(mean(z^2) + eps) * weight where a weight is given; then each pair (a, b) of z becomes
//            (a * cos - b * sin, a * sin + b * cos). Pairs are (2i, 2i + 1) (interleaved) or (i, i + head_dim / 2) (halfsplit).
// Shapes     x [rows, heads * head_dim], rows may have gaps (columns of the fused qkv); weight [head_dim], cos and sin [rows, head_dim / 2] float.
//            interleaved, halfsplit: head_dim 16 to 512, a power of two, all 16-byte aligned; any: every even head_dim.
// Precision  float, one rounding at the end.
// Launch     interleaved, halfsplit: head_dim / 16 threads per head, each with the 8 elements at 8 t and the 8 at head_dim / 2 + 8 t,
//            for kHeads heads of one row, so that cos, sin and the weight are read once for them; grid (rows, parts of a row).
//            any: a warp per head, grid (rows, heads / 4).
// Bytes      2 * rows * heads * head_dim * sizeof(T) + 4 * rows * head_dim; 30 heads of 128, S = 4160, bf16, 4.2 TB/s: 15.7 us.
// Measured   H200, 2026-11-23, in a graph: columns of the fused qkv, 30 heads of 128, S = 4160, bf16: 19.6 us (3.4 TB/s), both layouts;
//            512 rows of 32 heads: 3.3 us. A ring of asynchronous copies (as in rmsnorm.cu) was slower: 21.8 us.
// Entries    rope_{interleaved,halfsplit,any}_{bf16,f32}
// Host half  CudaBackend.Rope.cs
// Source     ours.
#include "common/groups.cuh"
#include "common/reduce.cuh"

struct RopeParams {
    void* x;
    const float* weight;  // null: no norm
    const float* cos;
    const float* sin;
    int32_t rows;
    int32_t heads;
    int32_t half;        // head_dim / 2
    int32_t x_stride;
    int32_t lane_shift;  // log2 of the threads per head
    int32_t halfsplit;   // of `any`
    float eps;
};
static_assert(sizeof(RopeParams) == 64);

// Heads that a thread turns.
constexpr int kHeads = 2;

static __device__ __forceinline__ void load_four(const float* p, float* x) {
    const Pack<float, 4> pack = load_pack<float, 4>(p);
#pragma unroll
    for (int i = 0; i < 4; i++) x[i] = pack.v[i];
}

// A thread has eight pairs: interleaved, four in each of its groups; halfsplit, one element in each. How far its second four factors are from
// its first:
template <bool kHalfSplit>
static __device__ __forceinline__ int next_pairs(int half) {
    return kHalfSplit ? 4 : half / 2;
}

// The norm of one head over its threads, then the turn; a and b are the thread's two groups.
template <bool kHalfSplit>
static __device__ __forceinline__ void turn(float (&a)[kGroup], float (&b)[kGroup], const float (&cos)[kGroup], const float (&sin)[kGroup],
                                            const float (&low_weight)[kGroup], const float (&high_weight)[kGroup], const RopeParams& p) {
    if (p.weight != nullptr) {
        float sum = 0.0f;
#pragma unroll
        for (int i = 0; i < kGroup; i++) sum = fmaf(a[i], a[i], fmaf(b[i], b[i], sum));
        for (int offset = (1 << p.lane_shift) / 2; offset > 0; offset >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
        const float factor = rsqrtf(sum / (2 * p.half) + p.eps);
#pragma unroll
        for (int i = 0; i < kGroup; i++) {
            a[i] *= factor * low_weight[i];
            b[i] *= factor * high_weight[i];
        }
    }
    if (kHalfSplit) {
#pragma unroll
        for (int i = 0; i < kGroup; i++) {
            const float x = a[i], y = b[i];
            a[i] = x * cos[i] - y * sin[i];
            b[i] = x * sin[i] + y * cos[i];
        }
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float x = a[2 * i], y = a[2 * i + 1], z = b[2 * i], w = b[2 * i + 1];
            a[2 * i] = x * cos[i] - y * sin[i];
            a[2 * i + 1] = x * sin[i] + y * cos[i];
            b[2 * i] = z * cos[4 + i] - w * sin[4 + i];
            b[2 * i + 1] = z * sin[4 + i] + w * cos[4 + i];
        }
    }
}

static __device__ __forceinline__ void load_weight(const RopeParams& p, int lane, float (&low)[kGroup], float (&high)[kGroup]) {
#pragma unroll
    for (int i = 0; i < kGroup; i++) low[i] = high[i] = 1.0f;
    if (p.weight == nullptr) return;
    multiply_group(low, p.weight + lane * kGroup, 0, kGroup, true);
    multiply_group(high, p.weight + p.half + lane * kGroup, 0, kGroup, true);
}

template <typename T, bool kHalfSplit>
static __device__ __forceinline__ void rope_heads(const RopeParams& p) {
    const int lane = threadIdx.x & ((1 << p.lane_shift) - 1);
    const int64_t row = blockIdx.x;
    T* base = static_cast<T*>(p.x) + row * p.x_stride + lane * kGroup;

    // A slot is a thread's share of a head; slots of a thread are blockDim.x apart, which keeps its lane.
    const int first = blockIdx.y * kHeads * blockDim.x + threadIdx.x;
    Group<T> low[kHeads], high[kHeads];
#pragma unroll
    for (int j = 0; j < kHeads; j++) {
        const int head = (first + j * static_cast<int>(blockDim.x)) >> p.lane_shift;
        const T* x = base + static_cast<int64_t>(head) * 2 * p.half;
        const int width = head < p.heads ? 1 : 0;  // of a head outside the row nothing is read
        low[j] = load_group(x, 0, width, true);
        high[j] = load_group(x + p.half, 0, width, true);
    }
    float cos[kGroup], sin[kGroup], low_weight[kGroup], high_weight[kGroup];
    const int64_t pair = row * p.half + lane * (kHalfSplit ? 8 : 4), next = pair + next_pairs<kHalfSplit>(p.half);
    load_four(p.cos + pair, cos);
    load_four(p.cos + next, cos + 4);
    load_four(p.sin + pair, sin);
    load_four(p.sin + next, sin + 4);
    load_weight(p, lane, low_weight, high_weight);
#pragma unroll
    for (int j = 0; j < kHeads; j++) {
        const int head = (first + j * static_cast<int>(blockDim.x)) >> p.lane_shift;
        float a[kGroup], b[kGroup];
#pragma unroll
        for (int i = 0; i < kGroup; i++) {
            a[i] = low[j].get(i);
            b[i] = high[j].get(i);
        }
        turn<kHalfSplit>(a, b, cos, sin, low_weight, high_weight, p);
        if (head < p.heads) {
            T* x = base + static_cast<int64_t>(head) * 2 * p.half;
            store_group(x, 0, kGroup, true, a);
            store_group(x + p.half, 0, kGroup, true, b);
        }
    }
}

template <typename T>
static __device__ __forceinline__ void rope_any(const RopeParams& p) {
    const int lane = threadIdx.x & 31;
    const int head = blockIdx.y * (blockDim.x >> 5) + (threadIdx.x >> 5);
    if (head >= p.heads) return;
    const int64_t row = blockIdx.x;
    T* x = static_cast<T*>(p.x) + row * p.x_stride + static_cast<int64_t>(head) * 2 * p.half;
    float factor = 1.0f;
    if (p.weight != nullptr) {
        float sum = 0.0f;
        for (int i = lane; i < 2 * p.half; i += 32) sum = fmaf(to_float(x[i]), to_float(x[i]), sum);

        // The sum needs every lane's reads, so no lane writes before all have read.
        factor = rsqrtf(warp_sum(sum) / (2 * p.half) + p.eps);
    }
    for (int i = lane; i < p.half; i += 32) {
        const int at = p.halfsplit ? i : 2 * i;
        const int bt = p.halfsplit ? i + p.half : 2 * i + 1;
        const float a = to_float(x[at]) * factor * (p.weight == nullptr ? 1.0f : p.weight[at]);
        const float b = to_float(x[bt]) * factor * (p.weight == nullptr ? 1.0f : p.weight[bt]);
        const float cos = p.cos[row * p.half + i], sin = p.sin[row * p.half + i];
        x[at] = from_float<T>(a * cos - b * sin);
        x[bt] = from_float<T>(a * sin + b * cos);
    }
}

extern "C" __global__ void __launch_bounds__(128) rope_interleaved_bf16(const __grid_constant__ RopeParams p) { rope_heads<bf16, false>(p); }
extern "C" __global__ void __launch_bounds__(128) rope_interleaved_f32(const __grid_constant__ RopeParams p) { rope_heads<float, false>(p); }
extern "C" __global__ void __launch_bounds__(128) rope_halfsplit_bf16(const __grid_constant__ RopeParams p) { rope_heads<bf16, true>(p); }
extern "C" __global__ void __launch_bounds__(128) rope_halfsplit_f32(const __grid_constant__ RopeParams p) { rope_heads<float, true>(p); }
extern "C" __global__ void __launch_bounds__(128) rope_any_bf16(const __grid_constant__ RopeParams p) { rope_any<bf16>(p); }
extern "C" __global__ void __launch_bounds__(128) rope_any_f32(const __grid_constant__ RopeParams p) { rope_any<float>(p); }
