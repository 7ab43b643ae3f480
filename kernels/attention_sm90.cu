// attention_sm90.cu: attention without causal mask, heads of 128, on Hopper's asynchronous matrix units (sm_90a).
//
// Math      y = softmax(q.k^T / sqrt(128)).v for each item and head; the softmax runs over tiles of keys, in powers of two.
// Shapes    q, y [query rows, heads * 128], k, v [key rows, key heads * 128] bf16; q, k, v with any row stride that is a multiple of 8 elements,
//           so that they can be columns of one matrix. Up to 8 items a launch, each with its own query and key rows; keys of other items are not read.
// Precision bf16 products with float accumulation; float maxima and sums; probabilities rounded to bf16 for P.V, the sum taken before rounding.
// Launch    one block a multiprocessor, which takes tiles blockIdx.x, + gridDim.x, ...; 384 or 512 threads: one warpgroup whose first thread copies
//           by TMA, two or three warpgroups with 64 query rows each. Two stages of 128 keys and values.
//           Shared memory 161 or 177 KB. Registers: 240 and 24 (two warpgroups), 160 and 32 (three); no spills.
//           rows192: the warpgroups drift apart, and the products of two cover the softmax of the third; P.V starts before its last exponentials.
//           rows128: P.V of a tile runs during the softmax of the next tile. For row counts that would leave rows192's last wave half empty.
// Bytes     q, y once; k, v once a tile of queries, from L2. Floor at 4160 rows, 30 heads: 0.266 TFLOP, 0.33 ms at the 795 TFLOP/s of a product of 8192 cubed.
// Measured  H200, 2026-11-23, 30 heads, one item, launches back to back (torch 2.11's flash / cuDNN attention beside):
//           1088 rows 0.043 ms, 421 TFLOP/s (0.088 / 0.054); 2368 rows 0.129 ms, 669; 4160 rows 0.358 ms, 743 (0.787 / 0.467); 9280 rows 2.02 ms, 655;
//           16448 rows 6.00 ms, 693 (11.9 / 7.5). A card hot from minutes of this gives 0.40 ms, 665 at 4160. rows128: 4160 rows 0.43 to 0.48 ms.
//           In a forward of the full model (zimage bench --kernels): 0.399 ms, 666 TFLOP/s; ncu (docs/profiling.md): 0.359 ms, tensor pipe 84 % busy.
// Entries   attention_sm90_rows192_bf16, attention_sm90_rows128_bf16
// Host half src/ZImage/Backends/Cuda/CudaBackend.Attention.cs; the choice of rows in AttentionPlan.cs
// Source    the roles and tile sizes follow FlashAttention-3 (Shah et al. 2024) and ThunderKittens (Spector et al. 2024); the code is our own.
#include "common/attention.cuh"
#include "common/ptx_sm90.cuh"

static constexpr int kHeadDim = 128;
static constexpr int kKeys = 128;      // keys per tile
static constexpr int kStages = 2;
static constexpr int kMaxItems = 8;
static constexpr int kFirstSteps = 6; // of the 8 steps of 16 keys of P.V: those issued before the last exponentials. With 4, some compilers spill

struct AttentionSm90Params {
    TensorMap q;
    TensorMap k[kMaxItems];            // one map an item, its rows the item's keys: what lies past them arrives as zeros
    TensorMap v[kMaxItems];
    AttentionItem items[kMaxItems];
    bf16* y;
    int item_count, tile_count;
    int heads, heads_per_key_head;
    int y_stride;
    float scale;                       // log2(e) / sqrt(kHeadDim)
};
static_assert(sizeof(AttentionSm90Params) == 2368, "mirrored in CudaBackend.Attention.cs");

// Shared memory of one block, from a 1024-byte boundary on. Operands are two halves of 64 columns, rows of 128 bytes, swizzled.
template <int kGroups>
struct AttentionLayout {
    static constexpr int kRows = 64 * kGroups;
    static constexpr int kQueryBytes = kRows * kHeadDim * 2;
    static constexpr int kTileBytes = kKeys * kHeadDim * 2;
    static constexpr int kQuery = 0;
    static constexpr int kKey = kQuery + kQueryBytes;
    static constexpr int kValue = kKey + kStages * kTileBytes;
    static constexpr int kBarriers = kValue + kStages * kTileBytes;
    static constexpr int kQueryFull = kBarriers, kQueryEmpty = kBarriers + 8;
    static constexpr int kKeyFull = kBarriers + 16, kKeyEmpty = kKeyFull + 8 * kStages;
    static constexpr int kValueFull = kKeyEmpty + 8 * kStages, kValueEmpty = kValueFull + 8 * kStages;
    static constexpr int kBytes = kValueEmpty + 8 * kStages;
};

struct AttentionTile {
    int item, head, row;               // row: first query of the tile within the item
    int key_tiles;
};

template <int kRows>
static __device__ __forceinline__ AttentionTile tile_at(const AttentionSm90Params& p, int tile) {
    AttentionTile t;
    t.item = 0;
    while (t.item + 1 < p.item_count && tile >= p.items[t.item + 1].first_tile) t.item++;
    int tiles = (p.items[t.item].query_count + kRows - 1) / kRows;
    int local = tile - p.items[t.item].first_tile;
    t.head = local / tiles;            // tiles of one head follow each other: blocks that run together share its keys and values in L2
    t.row = (local - t.head * tiles) * kRows;
    t.key_tiles = (p.items[t.item].key_count + kKeys - 1) / kKeys;
    return t;
}

// One thread keeps the copies ahead of the consumers.
template <int kGroups>
static __device__ __forceinline__ void produce(const AttentionSm90Params& p, uint32_t smem) {
    using Layout = AttentionLayout<kGroups>;
    uint32_t step = 0, round = 0;
    for (int tile = blockIdx.x; tile < p.tile_count; tile += gridDim.x, round++) {
        AttentionTile t = tile_at<Layout::kRows>(p, tile);
        const TensorMap* key_map = &p.k[t.item];
        const TensorMap* value_map = &p.v[t.item];
        int row = p.items[t.item].query_start + t.row, column = t.head * kHeadDim;
        int key_column = t.head / p.heads_per_key_head * kHeadDim;
        mbarrier_wait(smem + Layout::kQueryEmpty, (round & 1) ^ 1);
        mbarrier_arrive_expect_tx(smem + Layout::kQueryFull, Layout::kQueryBytes);
        tma_load_2d(smem + Layout::kQuery, &p.q, smem + Layout::kQueryFull, column, row);
        tma_load_2d(smem + Layout::kQuery + Layout::kQueryBytes / 2, &p.q, smem + Layout::kQueryFull, column + 64, row);
        for (int n = 0; n < t.key_tiles; n++, step++) {
            uint32_t stage = step % kStages, free = ((step / kStages) & 1) ^ 1;
            uint32_t full = smem + Layout::kKeyFull + 8 * stage, tile_memory = smem + Layout::kKey + stage * Layout::kTileBytes;
            mbarrier_wait(smem + Layout::kKeyEmpty + 8 * stage, free);
            mbarrier_arrive_expect_tx(full, Layout::kTileBytes);
            tma_load_2d(tile_memory, key_map, full, key_column, n * kKeys);
            tma_load_2d(tile_memory + Layout::kTileBytes / 2, key_map, full, key_column + 64, n * kKeys);
            full = smem + Layout::kValueFull + 8 * stage, tile_memory = smem + Layout::kValue + stage * Layout::kTileBytes;
            mbarrier_wait(smem + Layout::kValueEmpty + 8 * stage, free);
            mbarrier_arrive_expect_tx(full, Layout::kTileBytes);
            tma_load_2d(tile_memory, value_map, full, key_column, n * kKeys);
            tma_load_2d(tile_memory + Layout::kTileBytes / 2, value_map, full, key_column + 64, n * kKeys);
        }
    }
}

// S = Q.K^T of 64 queries and one tile of keys.
template <int kGroups>
static __device__ __forceinline__ void issue_scores(float (&s)[64], uint64_t q, uint64_t k) {
    constexpr uint32_t kQueryHalf = AttentionLayout<kGroups>::kQueryBytes / 2, kKeyHalf = AttentionLayout<kGroups>::kTileBytes / 2;
    wgmma_m64n128k16_ss<0>(s, q, k);
#pragma unroll
    for (int i = 1; i < 8; i++) {
        // 16 columns are 32 bytes within a swizzled row; descriptors count 16 bytes.
        wgmma_m64n128k16_ss<1>(s, q + ((i >> 2) * kQueryHalf + (i & 3) * 32) / 16, k + ((i >> 2) * kKeyHalf + (i & 3) * 32) / 16);
    }
}

// The same for a tile with at most 64 keys left.
template <int kGroups>
static __device__ __forceinline__ void issue_half_scores(float (&s)[32], uint64_t q, uint64_t k) {
    constexpr uint32_t kQueryHalf = AttentionLayout<kGroups>::kQueryBytes / 2, kKeyHalf = AttentionLayout<kGroups>::kTileBytes / 2;
    wgmma_m64n64k16_ss<0>(s, q, k);
#pragma unroll
    for (int i = 1; i < 8; i++) {
        wgmma_m64n64k16_ss<1>(s, q + ((i >> 2) * kQueryHalf + (i & 3) * 32) / 16, k + ((i >> 2) * kKeyHalf + (i & 3) * 32) / 16);
    }
}

// Index of the consumer warpgroup, in a form that the compiler knows to be the same for the whole warp.
static __device__ __forceinline__ uint32_t warpgroup() { return __shfl_sync(0xffffffffu, threadIdx.x / 128 - 1, 0); }

// The running softmax of the two rows a thread holds.
struct RowPair {
    float maximum0, maximum1, sum0, sum1;
};

// Hides columns past the item's keys; `left` keys exist from the tile's first on.
template <int kScores>
static __device__ __forceinline__ void mask_scores(float (&s)[kScores], int left) {
    left -= 2 * (threadIdx.x & 3);
#pragma unroll
    for (int j = 0; j < kScores / 4; j++) {
        if (8 * j >= left) s[4 * j] = s[4 * j + 2] = minus_infinity();
        if (8 * j + 1 >= left) s[4 * j + 1] = s[4 * j + 3] = minus_infinity();
    }
}

// Takes a tile's scores into the maxima and gives the factors of the sums and outputs so far.
template <int kScores>
static __device__ __forceinline__ void raise_maxima(RowPair& rows, const float (&s)[kScores], float scale, float& factor0, float& factor1) {
    float a0 = s[0], a1 = s[1], b0 = s[2], b1 = s[3];
#pragma unroll
    for (int j = 1; j < kScores / 4; j++) {
        a0 = fmaxf(a0, s[4 * j]), a1 = fmaxf(a1, s[4 * j + 1]);
        b0 = fmaxf(b0, s[4 * j + 2]), b1 = fmaxf(b1, s[4 * j + 3]);
    }
    factor0 = raise_maximum(rows.maximum0, quad_max(fmaxf(a0, a1)), scale);
    factor1 = raise_maximum(rows.maximum1, quad_max(fmaxf(b0, b1)), scale);
}

static __device__ __forceinline__ void rescale(float (&o)[64], float factor0, float factor1) {
    if (!__any_sync(0xffffffffu, factor0 != 1.0f || factor1 != 1.0f)) return;
#pragma unroll
    for (int j = 0; j < 16; j++) {
        o[4 * j] *= factor0, o[4 * j + 1] *= factor0;
        o[4 * j + 2] *= factor1, o[4 * j + 3] *= factor1;
    }
}

// P = 2^(scale * (S - maximum)) in place, and its sums.
template <int kScores>
static __device__ __forceinline__ void exponentiate(RowPair& rows, float (&s)[kScores], float scale, int begin, int end) {
    float shift0 = rows.maximum0 * scale, shift1 = rows.maximum1 * scale;
#pragma unroll
    for (int j = begin; j < end; j++) {
        s[4 * j] = exp2_approx(fmaf(s[4 * j], scale, -shift0)), s[4 * j + 1] = exp2_approx(fmaf(s[4 * j + 1], scale, -shift0));
        s[4 * j + 2] = exp2_approx(fmaf(s[4 * j + 2], scale, -shift1)), s[4 * j + 3] = exp2_approx(fmaf(s[4 * j + 3], scale, -shift1));
        rows.sum0 += s[4 * j] + s[4 * j + 1], rows.sum1 += s[4 * j + 2] + s[4 * j + 3];
    }
}

// Two adjacent groups of 8 columns of an accumulator are the A operand of one product.
template <int kScores>
static __device__ __forceinline__ void pack_probabilities(uint32_t (&probability)[kScores / 8][4], const float (&s)[kScores], int begin, int end) {
#pragma unroll
    for (int i = begin; i < end; i++) {
#pragma unroll
        for (int e = 0; e < 4; e++) probability[i][e] = pack_bf16x2(s[8 * i + 2 * e], s[8 * i + 2 * e + 1]);
    }
}

template <int kSteps>
static __device__ __forceinline__ void issue_values(float (&o)[64], const uint32_t (&probability)[kSteps][4], uint64_t v, int begin, int end) {
#pragma unroll
    for (int i = begin; i < end; i++) wgmma_m64n128k16_rs_transposed(o, probability[i], v + i * (16 * 128 / 16));
}

// One query tile of a warpgroup. The other warpgroups' products fill the matrix units while this one computes its softmax.
template <int kGroups>
static __device__ __forceinline__ void attend_plainly(float (&o)[64], RowPair& rows, uint32_t smem, uint32_t& step, int key_count, float scale) {
    using Layout = AttentionLayout<kGroups>;
    uint64_t q = wgmma_descriptor(smem + Layout::kQuery + warpgroup() * 64 * 128, 16, 1024);
    uint64_t k = wgmma_descriptor(smem + Layout::kKey, 16, 1024), v = wgmma_descriptor(smem + Layout::kValue, Layout::kTileBytes / 2, 1024);
    bool leader = (threadIdx.x & 31) == 0;
    int left = key_count;
    for (; left > kKeys / 2; left -= kKeys, step++) {
        uint32_t stage = step % kStages, filled = (step / kStages) & 1;
        float s[64];
        mbarrier_wait(smem + Layout::kKeyFull + 8 * stage, filled);
        wgmma_fence();
        issue_scores<kGroups>(s, q, k + stage * (Layout::kTileBytes / 16));
        wgmma_commit();
        wgmma_wait<0>();
        if (leader) mbarrier_arrive(smem + Layout::kKeyEmpty + 8 * stage);
        if (leader && left <= kKeys) mbarrier_arrive(smem + Layout::kQueryEmpty);
        if (left < kKeys) mask_scores(s, left);
        float factor0, factor1;
        raise_maxima(rows, s, scale, factor0, factor1);
        rows.sum0 *= factor0, rows.sum1 *= factor1;
        rescale(o, factor0, factor1);
        uint64_t v_tile = v + stage * (Layout::kTileBytes / 16);
        uint32_t probability[8][4];
        // In two parts, so that the last exponentials run beside the first products.
        mbarrier_wait(smem + Layout::kValueFull + 8 * stage, filled);
#pragma unroll
        for (int part = 0; part < 2; part++) {
            int begin = part == 0 ? 0 : kFirstSteps, end = part == 0 ? kFirstSteps : 8;
            exponentiate(rows, s, scale, 2 * begin, 2 * end);
            pack_probabilities(probability, s, begin, end);
            wgmma_fence();
            issue_values(o, probability, v_tile, begin, end);
            wgmma_commit();
        }
        wgmma_wait<0>();
        if (leader) mbarrier_arrive(smem + Layout::kValueEmpty + 8 * stage);
    }
    if (left <= 0) return;

    // Half a tile is left: half the work.
    uint32_t stage = step % kStages, filled = (step / kStages) & 1;
    float s[32], factor0, factor1;
    mbarrier_wait(smem + Layout::kKeyFull + 8 * stage, filled);
    wgmma_fence();
    issue_half_scores<kGroups>(s, q, k + stage * (Layout::kTileBytes / 16));
    wgmma_commit();
    wgmma_wait<0>();
    if (leader) mbarrier_arrive(smem + Layout::kKeyEmpty + 8 * stage);
    if (leader) mbarrier_arrive(smem + Layout::kQueryEmpty);
    mask_scores(s, left);
    raise_maxima(rows, s, scale, factor0, factor1);
    rows.sum0 *= factor0, rows.sum1 *= factor1;
    rescale(o, factor0, factor1);
    uint32_t probability[4][4];
    exponentiate(rows, s, scale, 0, 8);
    pack_probabilities(probability, s, 0, 4);
    mbarrier_wait(smem + Layout::kValueFull + 8 * stage, filled);
    wgmma_fence();
    issue_values(o, probability, v + stage * (Layout::kTileBytes / 16), 0, 4);
    wgmma_commit();
    wgmma_wait<0>();
    if (leader) mbarrier_arrive(smem + Layout::kValueEmpty + 8 * stage);
    step++;
}

// The same with P.V of a tile issued behind the next tile's Q.K^T, so that it runs during that tile's softmax. Needs 64 registers more.
template <int kGroups>
static __device__ __forceinline__ void attend_overlapped(float (&o)[64], RowPair& rows, uint32_t smem, uint32_t& step, int key_count, float scale) {
    using Layout = AttentionLayout<kGroups>;
    uint64_t q = wgmma_descriptor(smem + Layout::kQuery + warpgroup() * 64 * 128, 16, 1024);
    uint64_t k = wgmma_descriptor(smem + Layout::kKey, 16, 1024), v = wgmma_descriptor(smem + Layout::kValue, Layout::kTileBytes / 2, 1024);
    bool leader = (threadIdx.x & 31) == 0;
    uint32_t stage = step % kStages, filled = (step / kStages) & 1;
    uint32_t probability[8][4];
    {
        float s[64], factor0, factor1;
        mbarrier_wait(smem + Layout::kKeyFull + 8 * stage, filled);
        wgmma_fence();
        issue_scores<kGroups>(s, q, k + stage * (Layout::kTileBytes / 16));
        wgmma_commit();
        wgmma_wait<0>();
        if (leader) mbarrier_arrive(smem + Layout::kKeyEmpty + 8 * stage);
        if (leader && key_count <= kKeys) mbarrier_arrive(smem + Layout::kQueryEmpty);
        if (key_count < kKeys) mask_scores(s, key_count);
        raise_maxima(rows, s, scale, factor0, factor1);
        exponentiate(rows, s, scale, 0, 16);
        pack_probabilities(probability, s, 0, 8);
    }
    for (int left = key_count - kKeys; left > 0; left -= kKeys) {
        uint32_t next = (step + 1) % kStages, next_filled = ((step + 1) / kStages) & 1;
        float s[64], factor0, factor1;
        mbarrier_wait(smem + Layout::kKeyFull + 8 * next, next_filled);
        wgmma_fence();
        issue_scores<kGroups>(s, q, k + next * (Layout::kTileBytes / 16));
        wgmma_commit();
        mbarrier_wait(smem + Layout::kValueFull + 8 * stage, filled);
        wgmma_fence();
        issue_values(o, probability, v + stage * (Layout::kTileBytes / 16), 0, 8);
        wgmma_commit();
        wgmma_wait<1>();
        if (leader) mbarrier_arrive(smem + Layout::kKeyEmpty + 8 * next);
        if (leader && left <= kKeys) mbarrier_arrive(smem + Layout::kQueryEmpty);
        if (left < kKeys) mask_scores(s, left);
        raise_maxima(rows, s, scale, factor0, factor1);
        rows.sum0 *= factor0, rows.sum1 *= factor1;
        exponentiate(rows, s, scale, 0, 16);
        wgmma_wait<0>();
        if (leader) mbarrier_arrive(smem + Layout::kValueEmpty + 8 * stage);
        rescale(o, factor0, factor1);
        pack_probabilities(probability, s, 0, 8);
        step++, stage = next, filled = next_filled;
    }
    mbarrier_wait(smem + Layout::kValueFull + 8 * stage, filled);
    wgmma_fence();
    issue_values(o, probability, v + stage * (Layout::kTileBytes / 16), 0, 8);
    wgmma_commit();
    wgmma_wait<0>();
    if (leader) mbarrier_arrive(smem + Layout::kValueEmpty + 8 * stage);
    step++;
}

template <int kGroups, bool kOverlap>
static __device__ __forceinline__ void consume(const AttentionSm90Params& p, uint32_t smem) {
    using Layout = AttentionLayout<kGroups>;
    int lane = threadIdx.x & 31;
    uint32_t step = 0, round = 0;
    for (int tile = blockIdx.x; tile < p.tile_count; tile += gridDim.x, round++) {
        AttentionTile t = tile_at<Layout::kRows>(p, tile);
        mbarrier_wait(smem + Layout::kQueryFull, round & 1);
        float o[64];
#pragma unroll
        for (int i = 0; i < 64; i++) o[i] = 0.0f;
        RowPair rows = {minus_infinity(), minus_infinity(), 0.0f, 0.0f};
        if (kOverlap) {
            attend_overlapped<kGroups>(o, rows, smem, step, p.items[t.item].key_count, p.scale);
        } else {
            attend_plainly<kGroups>(o, rows, smem, step, p.items[t.item].key_count, p.scale);
        }

        // 16-byte pieces of the rows that exist; rows past the item's end belong to another one.
        float inverse0 = 1.0f / quad_sum(rows.sum0), inverse1 = 1.0f / quad_sum(rows.sum1);
        int row = t.row + (threadIdx.x / 32 - 4) * 16 + (lane >> 2), count = p.items[t.item].query_count;
        bf16* y = p.y + static_cast<int64_t>(p.items[t.item].query_start + row) * p.y_stride + t.head * kHeadDim + (lane & 3) * 8;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float inverse = half == 0 ? inverse0 : inverse1;
#pragma unroll
            for (int j = 0; j < 16; j += 4) {
                uint32_t w[4];
#pragma unroll
                for (int i = 0; i < 4; i++) w[i] = pack_bf16x2(o[4 * (j + i) + 2 * half] * inverse, o[4 * (j + i) + 2 * half + 1] * inverse);
                quad_transpose(w);
                if (row + 8 * half < count) {
                    *reinterpret_cast<Pack<uint32_t, 4>*>(y + static_cast<int64_t>(8 * half) * p.y_stride + 8 * j) = Pack<uint32_t, 4>{{w[0], w[1], w[2], w[3]}};
                }
            }
        }
    }
}

template <int kGroups, bool kOverlap, int kProducerRegisters, int kConsumerRegisters>
static __device__ __forceinline__ void attention(const AttentionSm90Params& p) {
    using Layout = AttentionLayout<kGroups>;
    extern __shared__ __align__(1024) uint8_t shared_memory[];
    uint32_t smem = (shared_address(shared_memory) + 1023u) & ~1023u;
    if (threadIdx.x == 0) {
        mbarrier_init(smem + Layout::kQueryFull, 1);
        mbarrier_init(smem + Layout::kQueryEmpty, 4 * kGroups);
        for (int i = 0; i < kStages; i++) {
            mbarrier_init(smem + Layout::kKeyFull + 8 * i, 1);
            mbarrier_init(smem + Layout::kKeyEmpty + 8 * i, 4 * kGroups);
            mbarrier_init(smem + Layout::kValueFull + 8 * i, 1);
            mbarrier_init(smem + Layout::kValueEmpty + 8 * i, 4 * kGroups);
        }
        fence_mbarrier_init();
    }
    __syncthreads();
    if (threadIdx.x < 128) {
        setmaxnreg_dec<kProducerRegisters>();
        if (threadIdx.x == 0) produce<kGroups>(p, smem);
    } else {
        setmaxnreg_inc<kConsumerRegisters>();
        consume<kGroups, kOverlap>(p, smem);
    }
}

#if BUILDS(rows192_bf16)
extern "C" __global__ void __launch_bounds__(512, 1) attention_sm90_rows192_bf16(const __grid_constant__ AttentionSm90Params p) {
    attention<3, false, 32, 160>(p);
}
#endif

#if BUILDS(rows128_bf16)
extern "C" __global__ void __launch_bounds__(384, 1) attention_sm90_rows128_bf16(const __grid_constant__ AttentionSm90Params p) {
    attention<2, true, 24, 240>(p);
}
#endif
