// rope: per-head RMS norm and rotary embedding of queries and keys, in place.
//
// Math       for each head z of a row: z = z * rsqrt(mean(z^2) + eps) * weight where a weight is given; then each pair (a, b) of z becomes
//            (a * cos - b * sin, a * sin + b * cos). Pairs are (2i, 2i + 1) (interleaved) or (i, i + head_dim / 2) (halfsplit).
// Shapes     q [q_rows, q_heads * head_dim], k [rows, k_heads * head_dim], q_rows <= rows, rows may have gaps (columns of the fused qkv);
//            weights [head_dim], cos and sin [rows, head_dim / 2] float.
//            interleaved, halfsplit: head_dim 16 to 512, a power of two, all 16-byte aligned; any: every even head_dim.
// Precision  float, one rounding at the end.
// Launch     interleaved, halfsplit: head_dim / 16 threads per head, each with the 8 elements at 8 t and the 8 at head_dim / 2 + 8 t,
//            for kHeads heads of one row, so that cos, sin and the weight are read once for them and its 2 * kHeads loads are under way
//            together; at most kThreads a block. any: a warp per head, 128 threads.
//            grid rows * (q_blocks + k_blocks): the blocks of a row are neighbours; rows from the last to the first.
// Bytes      2 * rows * (q_heads + k_heads) * head_dim * sizeof(T) + 4 * rows * head_dim; 30 + 30 heads of 128, S = 4160, bf16, 4.2 TB/s: 30.9 us.
// Measured   H200, 2026-11-23, in a forward of the full model (zimage bench --kernels), columns of the fused qkv, 30 + 30 heads of 128, S = 4160,
//            bf16, with the time between two events: 36.8 us (3.5 TB/s), 84 % of the copy rate; 2 heads a thread and 128 threads a block 38.0, 81 %.
//            In that former shape, by a profile: 37.2 us; a launch each for q and k 42.2; rows from the first 37.6.
// Entries    rope_{interleaved,halfsplit,any}_{bf16,f32}
// Host half  CudaBackend.Rope.cs
// Source     ours.
#include "common/groups.cuh"
#include "common/reduce.cuh"

struct RopeParams {
    void* q;
    void* k;
    const float* q_weight;  // null: no norm
    const float* k_weight;
    const float* cos;
    const float* sin;
    int32_t rows;    // of k and the tables
    int32_t q_rows;  // the first of them
    int32_t q_heads;
    int32_t k_heads;
    int32_t q_stride;
    int32_t k_stride;
    int32_t q_blocks;  // blocks of a row of q, of a row of k
    int32_t k_blocks;
    int32_t half;        // head_dim / 2
    int32_t lane_shift;  // log2 of the threads per head
    int32_t halfsplit;   // of `any`
    float eps;
};
static_assert(sizeof(RopeParams) == 96);

// What a block turns: heads of one row of q or of k.
template <typename T>
struct Share {
    T* x;  // the row
    const float* weight;
    int64_t row;
    int heads;
    int part;  // which of the row's blocks

    __device__ __forceinline__ explicit Share(const RopeParams& p) {
        const int blocks = p.q_blocks + p.k_blocks;
        row = block_from_end() / blocks;
        part = block_from_end() - static_cast<int>(row) * blocks;
        if (part < p.q_blocks) {
            x = static_cast<T*>(p.q) + row * p.q_stride;
            weight = p.q_weight;
            heads = row < p.q_rows ? p.q_heads : 0;
        } else {
            part -= p.q_blocks;
            x = static_cast<T*>(p.k) + row * p.k_stride;
            weight = p.k_weight;
            heads = p.k_heads;
        }
    }
};

// Heads that a thread turns, and the most threads of a block: RopeGeometry has the same numbers.
constexpr int kHeads = 4;
constexpr int kThreads = 64;

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

// What the norm multiplies each of a thread's heads with. The heads' sums go through the shuffles together, so that a thread waits for one round
// of them and not for kHeads.
template <typename T>
static __device__ __forceinline__ void norm_factors(const Group<T> (&low)[kHeads], const Group<T> (&high)[kHeads], const RopeParams& p,
                                                    float (&factors)[kHeads]) {
    float sums[kHeads];
#pragma unroll
    for (int j = 0; j < kHeads; j++) {
        sums[j] = 0.0f;
#pragma unroll
        for (int i = 0; i < kGroup; i++) sums[j] = fmaf(low[j].get(i), low[j].get(i), fmaf(high[j].get(i), high[j].get(i), sums[j]));
    }
    for (int offset = (1 << p.lane_shift) / 2; offset > 0; offset >>= 1) {
#pragma unroll
        for (int j = 0; j < kHeads; j++) sums[j] += __shfl_xor_sync(0xffffffffu, sums[j], offset);
    }

    // head_dim is 16 << lane_shift, a power of two: multiplying by its inverse, made from the exponent alone, rounds as dividing by it does.
    const float inverse = __uint_as_float(static_cast<uint32_t>(127 - 4 - p.lane_shift) << 23);
#pragma unroll
    for (int j = 0; j < kHeads; j++) factors[j] = rsqrtf(__fmul_rn(sums[j], inverse) + p.eps);
}

// The norm's product, then the turn; a and b are a thread's two groups of one head.
template <bool kHalfSplit>
static __device__ __forceinline__ void turn(float (&a)[kGroup], float (&b)[kGroup], const float (&cos)[kGroup], const float (&sin)[kGroup],
                                            const float (&low_weight)[kGroup], const float (&high_weight)[kGroup], bool normed, float factor) {
    if (normed) {
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

static __device__ __forceinline__ void load_weight(const float* weight, int half, int lane, float (&low)[kGroup], float (&high)[kGroup]) {
#pragma unroll
    for (int i = 0; i < kGroup; i++) low[i] = high[i] = 1.0f;
    if (weight == nullptr) return;
    multiply_group(low, weight + lane * kGroup, 0, kGroup, true);
    multiply_group(high, weight + half + lane * kGroup, 0, kGroup, true);
}

template <typename T, bool kHalfSplit>
static __device__ __forceinline__ void rope_heads(const RopeParams& p) {
    const Share<T> share(p);
    if (share.heads == 0) return;
    const int lane = threadIdx.x & ((1 << p.lane_shift) - 1);
    T* base = share.x + lane * kGroup;

    // A slot is a thread's share of a head; slots of a thread are blockDim.x apart, which keeps its lane.
    const int first = share.part * kHeads * blockDim.x + threadIdx.x;
    Group<T> low[kHeads], high[kHeads];
#pragma unroll
    for (int j = 0; j < kHeads; j++) {
        const int head = (first + j * static_cast<int>(blockDim.x)) >> p.lane_shift;
        const T* x = base + static_cast<int64_t>(head) * 2 * p.half;
        const int width = head < share.heads ? 1 : 0;  // of a head outside the row nothing is read
        low[j] = load_group(x, 0, width, true);
        high[j] = load_group(x + p.half, 0, width, true);
    }
    float cos[kGroup], sin[kGroup], low_weight[kGroup], high_weight[kGroup];
    const int64_t pair = share.row * p.half + lane * (kHalfSplit ? 8 : 4), next = pair + next_pairs<kHalfSplit>(p.half);
    load_four(p.cos + pair, cos);
    load_four(p.cos + next, cos + 4);
    load_four(p.sin + pair, sin);
    load_four(p.sin + next, sin + 4);
    load_weight(share.weight, p.half, lane, low_weight, high_weight);
    float factors[kHeads] = {};
    const bool normed = share.weight != nullptr;
    if (normed) norm_factors(low, high, p, factors);
#pragma unroll
    for (int j = 0; j < kHeads; j++) {
        const int head = (first + j * static_cast<int>(blockDim.x)) >> p.lane_shift;
        float a[kGroup], b[kGroup];
#pragma unroll
        for (int i = 0; i < kGroup; i++) {
            a[i] = low[j].get(i);
            b[i] = high[j].get(i);
        }
        turn<kHalfSplit>(a, b, cos, sin, low_weight, high_weight, normed, factors[j]);
        if (head < share.heads) {
            T* x = base + static_cast<int64_t>(head) * 2 * p.half;
            store_group(x, 0, kGroup, true, a);
            store_group(x + p.half, 0, kGroup, true, b);
        }
    }
}

template <typename T>
static __device__ __forceinline__ void rope_any(const RopeParams& p) {
    const Share<T> share(p);
    const int lane = threadIdx.x & 31;
    const int head = share.part * static_cast<int>(blockDim.x >> 5) + static_cast<int>(threadIdx.x >> 5);
    if (head >= share.heads) return;
    T* x = share.x + static_cast<int64_t>(head) * 2 * p.half;
    float factor = 1.0f;
    if (share.weight != nullptr) {
        float sum = 0.0f;
        for (int i = lane; i < 2 * p.half; i += 32) sum = fmaf(to_float(x[i]), to_float(x[i]), sum);

        // The sum needs every lane's reads, so no lane writes before all have read.
        factor = rsqrtf(warp_sum(sum) / (2 * p.half) + p.eps);
    }
    for (int i = lane; i < p.half; i += 32) {
        const int at = p.halfsplit ? i : 2 * i;
        const int bt = p.halfsplit ? i + p.half : 2 * i + 1;
        const float a = to_float(x[at]) * factor * (share.weight == nullptr ? 1.0f : share.weight[at]);
        const float b = to_float(x[bt]) * factor * (share.weight == nullptr ? 1.0f : share.weight[bt]);
        const float cos = p.cos[share.row * p.half + i], sin = p.sin[share.row * p.half + i];
        x[at] = from_float<T>(a * cos - b * sin);
        x[bt] = from_float<T>(a * sin + b * cos);
    }
}

#if BUILDS(bf16)
extern "C" __global__ void __launch_bounds__(kThreads) rope_interleaved_bf16(const __grid_constant__ RopeParams p) { rope_heads<bf16, false>(p); }
extern "C" __global__ void __launch_bounds__(kThreads) rope_halfsplit_bf16(const __grid_constant__ RopeParams p) { rope_heads<bf16, true>(p); }
extern "C" __global__ void __launch_bounds__(128) rope_any_bf16(const __grid_constant__ RopeParams p) { rope_any<bf16>(p); }
#endif
#if BUILDS(f32)
extern "C" __global__ void __launch_bounds__(kThreads) rope_interleaved_f32(const __grid_constant__ RopeParams p) { rope_heads<float, false>(p); }
extern "C" __global__ void __launch_bounds__(kThreads) rope_halfsplit_f32(const __grid_constant__ RopeParams p) { rope_heads<float, true>(p); }
extern "C" __global__ void __launch_bounds__(128) rope_any_f32(const __grid_constant__ RopeParams p) { rope_any<float>(p); }
#endif
