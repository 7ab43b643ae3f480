// attention.cu: attention on the matrix instructions of sm_80 and up, for every head up to 256; the plain kernel for everything else.
//
// Math      y = softmax(q.k^T / sqrt(head_dim)).v for each item and head; causal: query i of an item sees its keys 0..i. Key head h / (heads / key heads).
// Shapes    q, y [query rows, heads * head_dim], k, v [key rows, key heads * head_dim]; rows may have gaps. Up to 16 items a launch, each with its own
//           query and key rows. Head dimensions are padded to 64, 128 or 256 in shared memory; they and the row strides are multiples of 8 elements
//           and addresses of 16 bytes, except for the plain kernel, which takes anything up to 512.
// Precision bf16 products with float accumulation; float maxima and sums; probabilities rounded to bf16 for P.V. Plain: all float, no rounding inside.
// Launch    grid (query tiles of all items, heads), 128 threads, 256 for warps8; dynamic shared memory (rows + 128 * stages) * dim * 2 bytes.
//           Plain: one warp a query, 4 a block. Registers on sm_90: 128 to 255, no spills.
// Bytes     q, y once; k, v once a tile of queries, from L2. Floor at 4160 rows, 30 heads of 128: 0.266 TFLOP, 0.43 ms at the about 620 TFLOP/s that
//           mma.sync reaches on this chip.
// Measured  H200, 2026-11-23, launches back to back: 30 heads of 128, 4160 rows: rows128 0.73 to 0.84 ms, 365 to 317 TFLOP/s by the card's heat,
//           warps8 0.90, rows64 0.93; 1088 rows: rows64 0.069, rows128 0.082. 30 heads of 64, 4160 rows: rows128 0.45, rows64 0.48.
//           Causal, 32 heads of 128 on 8: 64 rows 0.011, 512 rows 0.019. Relative error against float64 2.3e-3 (torch's flash 2.3e-3); plain float 3e-7.
// Entries   attention_rows{64,128}_dim{64,128}_bf16, attention_rows128_dim128_warps8_bf16, attention_rows64_dim256_bf16, attention_simple_{bf16,f32}
// Host half src/ZImage/Backends/Cuda/CudaBackend.Attention.cs; the choice of kernel in AttentionPlan.cs
// Source    the tiling follows FlashAttention-2 (Dao 2023); the code is our own.
#include "common/attention_tile.cuh"
#include "common/reduce.cuh"

// One block computes kWarps * kRowTiles * 16 queries of one head; each warp has all columns of its rows. Tiles of kKeys keys pass through
// shared memory: with two stages the next keys and values arrive during the whole of a step, with one stage values arrive during Q.K^T and
// the next keys during P.V.
template <int kDim, int kRowTiles, int kWarps, int kKeys, int kStages>
static __device__ __forceinline__ void attention(const AttentionParams& p) {
    constexpr int kThreads = 32 * kWarps, kRows = 16 * kRowTiles * kWarps;
    constexpr int kTileBytes = kKeys * kDim * 2, kKeyTiles = kKeys / 8, kDimTiles = kDim / 8;
    constexpr bool kHoldQueries = kRowTiles * kDim <= 128;
    extern __shared__ __align__(1024) uint8_t shared_memory[];
    uint32_t q_tile = shared_address(shared_memory), k_tiles = q_tile + kRows * kDim * 2, v_tiles = k_tiles + kStages * kTileBytes;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;

    const AttentionItem& item = p.items[item_at(p, blockIdx.x)];
    int first = (blockIdx.x - item.first_tile) * kRows;
    if (p.causal != 0) first = ((item.query_count + kRows - 1) / kRows - 1) * kRows - first;   // the longest tiles first
    int head = blockIdx.y, key_head = head / p.heads_per_key_head, dim = p.head_dim;
    const bf16* q = static_cast<const bf16*>(p.q) + static_cast<int64_t>(item.query_start + first) * p.q_stride + head * dim;
    const bf16* k = static_cast<const bf16*>(p.k) + static_cast<int64_t>(item.key_start) * p.k_stride + key_head * dim;
    const bf16* v = static_cast<const bf16*>(p.v) + static_cast<int64_t>(item.key_start) * p.v_stride + key_head * dim;
    int keys = item.key_count;
    if (p.causal != 0 && first + kRows < keys) keys = first + kRows;
    int steps = (keys + kKeys - 1) / kKeys;

    copy_tile<kRows, kDim, kThreads>(q_tile, q, p.q_stride, item.query_count - first, dim);
    copy_tile<kKeys, kDim, kThreads>(k_tiles, k, p.k_stride, keys, dim);
    if (kStages == 2) copy_tile<kKeys, kDim, kThreads>(v_tiles, v, p.v_stride, keys, dim);
    cp_async_commit();

    // Addresses of the rows a lane points ldmatrix at; the chunk is added by an exclusive or, because rows start at multiples of kDim * 2 bytes.
    uint32_t q_lane = q_tile + swizzled<kDim>(warp * 16 * kRowTiles + (lane & 15), lane >> 4);
    uint32_t k_lane = k_tiles + swizzled<kDim>((lane >> 4) * 8 + (lane & 7), (lane >> 3) & 1);
    uint32_t v_lane = v_tiles + swizzled<kDim>(lane & 15, lane >> 4);

    float o[kRowTiles][kDimTiles][4], maximum[kRowTiles][2], sum[kRowTiles][2];
#pragma unroll
    for (int r = 0; r < kRowTiles; r++) {
        maximum[r][0] = maximum[r][1] = minus_infinity(), sum[r][0] = sum[r][1] = 0.0f;
#pragma unroll
        for (int j = 0; j < kDimTiles; j++) o[r][j][0] = o[r][j][1] = o[r][j][2] = o[r][j][3] = 0.0f;
    }

    uint32_t held[kHoldQueries ? kDim / 16 : 1][kRowTiles][4];
    float scale = p.scale;
    for (int n = 0; n < steps; n++) {
        uint32_t stage = kStages == 2 ? (n & 1) * kTileBytes : 0, next = kStages == 2 ? kTileBytes - stage : 0;
        cp_async_wait<0>();
        __syncthreads();
        if (kStages == 1) {
            copy_tile<kKeys, kDim, kThreads>(v_tiles, v + static_cast<int64_t>(n * kKeys) * p.v_stride, p.v_stride, keys - n * kKeys, dim);
            cp_async_commit();
        } else if (n + 1 < steps) {
            int at = (n + 1) * kKeys;
            copy_tile<kKeys, kDim, kThreads>(k_tiles + next, k + static_cast<int64_t>(at) * p.k_stride, p.k_stride, keys - at, dim);
            copy_tile<kKeys, kDim, kThreads>(v_tiles + next, v + static_cast<int64_t>(at) * p.v_stride, p.v_stride, keys - at, dim);
            cp_async_commit();
        }

        float s[kRowTiles][kKeyTiles][4];
#pragma unroll
        for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
            for (int j = 0; j < kKeyTiles; j++) s[r][j][0] = s[r][j][1] = s[r][j][2] = s[r][j][3] = 0.0f;
        }
        if (kHoldQueries && n == 0) {
#pragma unroll
            for (int i = 0; i < kDim / 16; i++) {
#pragma unroll
                for (int r = 0; r < kRowTiles; r++) ldmatrix_x4(held[kHoldQueries ? i : 0][r], (q_lane ^ (i * 32)) + r * 16 * kDim * 2);
            }
        }
#pragma unroll
        for (int i = 0; i < kDim / 16; i++) {
            uint32_t a[kRowTiles][4];
#pragma unroll
            for (int r = 0; r < kRowTiles; r++) {
                if (kHoldQueries) {
#pragma unroll
                    for (int e = 0; e < 4; e++) a[r][e] = held[kHoldQueries ? i : 0][r][e];
                } else {
                    ldmatrix_x4(a[r], (q_lane ^ (i * 32)) + r * 16 * kDim * 2);
                }
            }
#pragma unroll
            for (int j = 0; j < kKeyTiles; j += 2) {
                uint32_t b[4];
                ldmatrix_x4(b, ((k_lane + stage) ^ (i * 32)) + j * 8 * kDim * 2);
#pragma unroll
                for (int r = 0; r < kRowTiles; r++) {
                    mma_16816(s[r][j], a[r], b[0], b[1]);
                    mma_16816(s[r][j + 1], a[r], b[2], b[3]);
                }
            }
        }

        if (kStages == 1) {
            cp_async_wait<0>();
            __syncthreads();
            if (n + 1 < steps) {
                int at = (n + 1) * kKeys;
                copy_tile<kKeys, kDim, kThreads>(k_tiles, k + static_cast<int64_t>(at) * p.k_stride, p.k_stride, keys - at, dim);
                cp_async_commit();
            }
        }

        // Columns past the keys, and above the diagonal.
        bool partial = keys - n * kKeys < kKeys;
        if (partial || (p.causal != 0 && (n + 1) * kKeys > first + 1)) {
#pragma unroll
            for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
                for (int h = 0; h < 2; h++) {
                    int row = first + (warp * kRowTiles + r) * 16 + (lane >> 2) + 8 * h, left = keys;
                    if (p.causal != 0 && row + 1 < left) left = row + 1;
                    left -= n * kKeys + 2 * (lane & 3);
#pragma unroll
                    for (int j = 0; j < kKeyTiles; j++) {
                        if (8 * j >= left) s[r][j][2 * h] = minus_infinity();
                        if (8 * j + 1 >= left) s[r][j][2 * h + 1] = minus_infinity();
                    }
                }
            }
        }

        uint32_t probability[kRowTiles][kKeyTiles][2];
#pragma unroll
        for (int r = 0; r < kRowTiles; r++) {
            float factor[2];
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float x0 = s[r][0][2 * h], x1 = s[r][0][2 * h + 1];
#pragma unroll
                for (int j = 1; j < kKeyTiles; j++) x0 = fmaxf(x0, s[r][j][2 * h]), x1 = fmaxf(x1, s[r][j][2 * h + 1]);
                factor[h] = raise_maximum(maximum[r][h], quad_max(fmaxf(x0, x1)), scale);
            }
            if (__any_sync(0xffffffffu, factor[0] != 1.0f || factor[1] != 1.0f)) {
                sum[r][0] *= factor[0], sum[r][1] *= factor[1];
#pragma unroll
                for (int j = 0; j < kDimTiles; j++) o[r][j][0] *= factor[0], o[r][j][1] *= factor[0], o[r][j][2] *= factor[1], o[r][j][3] *= factor[1];
            }
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float shift = maximum[r][h] * scale;
#pragma unroll
                for (int j = 0; j < kKeyTiles; j++) {
                    float x0 = exp2_approx(fmaf(s[r][j][2 * h], scale, -shift)), x1 = exp2_approx(fmaf(s[r][j][2 * h + 1], scale, -shift));
                    sum[r][h] += x0 + x1;
                    probability[r][j][h] = pack_bf16x2(x0, x1);
                }
            }
        }

#pragma unroll
        for (int i = 0; i < kKeyTiles; i += 2) {
            uint32_t a[kRowTiles][4];
#pragma unroll
            for (int r = 0; r < kRowTiles; r++) {
                a[r][0] = probability[r][i][0], a[r][1] = probability[r][i][1], a[r][2] = probability[r][i + 1][0], a[r][3] = probability[r][i + 1][1];
            }
#pragma unroll
            for (int j = 0; j < kDimTiles; j += 2) {
                uint32_t b[4];
                ldmatrix_x4_transposed(b, ((v_lane + stage) ^ (j * 16)) + i * 8 * kDim * 2);
#pragma unroll
                for (int r = 0; r < kRowTiles; r++) {
                    mma_16816(o[r][j], a[r], b[0], b[1]);
                    mma_16816(o[r][j + 1], a[r], b[2], b[3]);
                }
            }
        }
    }

    bf16* y = static_cast<bf16*>(p.y) + static_cast<int64_t>(item.query_start) * p.y_stride + head * dim;
#pragma unroll
    for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int row = first + (warp * kRowTiles + r) * 16 + (lane >> 2) + 8 * h;
            store_rows<kDimTiles>(y + static_cast<int64_t>(row) * p.y_stride, o[r], h, 1.0f / quad_sum(sum[r][h]), row < item.query_count, 0, dim);
        }
    }
}

// 128 queries a block, for long sequences. Four warps of 32 queries read keys and values half as often from shared memory; they need two
// blocks a multiprocessor to hide their waits, so where shared memory holds only one block, eight warps of 16 queries take their place.
// 64 queries a block: short sequences, and head dimensions that are padded.
#if BUILDS(dim64_bf16)
extern "C" __global__ void __launch_bounds__(128, 2) attention_rows128_dim64_bf16(const __grid_constant__ AttentionParams p) { attention<64, 2, 4, 64, 2>(p); }
extern "C" __global__ void __launch_bounds__(128) attention_rows64_dim64_bf16(const __grid_constant__ AttentionParams p) { attention<64, 1, 4, 64, 2>(p); }
#endif
#if BUILDS(rows128_dim128_bf16) && (!defined(__CUDA_ARCH__) || __CUDA_ARCH__ < 1000)   // spills on sm_100; the host half does not ask for it there
extern "C" __global__ void __launch_bounds__(128, 2) attention_rows128_dim128_bf16(const __grid_constant__ AttentionParams p) { attention<128, 2, 4, 64, 1>(p); }
#endif
#if BUILDS(warps8_bf16)
extern "C" __global__ void __launch_bounds__(256, 1) attention_rows128_dim128_warps8_bf16(const __grid_constant__ AttentionParams p) { attention<128, 1, 8, 64, 2>(p); }
#endif
#if BUILDS(rows64_dim128_bf16)
extern "C" __global__ void __launch_bounds__(128) attention_rows64_dim128_bf16(const __grid_constant__ AttentionParams p) { attention<128, 1, 4, 64, 2>(p); }
#endif
#if BUILDS(dim256_bf16)
extern "C" __global__ void __launch_bounds__(128) attention_rows64_dim256_bf16(const __grid_constant__ AttentionParams p) { attention<256, 1, 4, 64, 1>(p); }
#endif

// One warp a query: any head dimension up to kSimpleDim, any alignment, no matrix units.
static constexpr int kSimpleDim = 512, kSimpleWarps = 4;

template <typename T>
static __device__ __forceinline__ void attention_simple(const AttentionParams& p) {
    __shared__ float queries[kSimpleWarps][kSimpleDim];
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, dim = p.head_dim;
    const AttentionItem& item = p.items[item_at(p, blockIdx.x)];
    int row = (blockIdx.x - item.first_tile) * kSimpleWarps + warp, head = blockIdx.y;
    if (row >= item.query_count) return;
    const T* q = static_cast<const T*>(p.q) + static_cast<int64_t>(item.query_start + row) * p.q_stride + head * dim;
    const T* k = static_cast<const T*>(p.k) + static_cast<int64_t>(item.key_start) * p.k_stride + head / p.heads_per_key_head * dim;
    const T* v = static_cast<const T*>(p.v) + static_cast<int64_t>(item.key_start) * p.v_stride + head / p.heads_per_key_head * dim;
    float* query = queries[warp];
    for (int c = lane; c < dim; c += 32) query[c] = to_float(q[c]) * p.scale;
    __syncwarp();

    float o[kSimpleDim / 32], maximum = minus_infinity(), sum = 0.0f;
#pragma unroll
    for (int i = 0; i < kSimpleDim / 32; i++) o[i] = 0.0f;
    int keys = p.causal != 0 ? row + 1 : item.key_count;
    for (int base = 0; base < keys; base += 32) {
        // A lane scores one key.
        float score = minus_infinity();
        if (base + lane < keys) {
            const T* key = k + static_cast<int64_t>(base + lane) * p.k_stride;
            score = 0.0f;
            for (int c = 0; c < dim; c++) score = fmaf(query[c], to_float(key[c]), score);
        }
        float raised = fmaxf(maximum, warp_max(score)), factor = exp2f(maximum - raised), weight = exp2f(score - raised);
        maximum = raised;
        sum = sum * factor + warp_sum(weight);
#pragma unroll
        for (int i = 0; i < kSimpleDim / 32; i++) o[i] *= factor;
        // A lane sums every 32nd column.
        int count = keys - base < 32 ? keys - base : 32;
        for (int j = 0; j < count; j++) {
            float w = __shfl_sync(0xffffffffu, weight, j);
            const T* value = v + static_cast<int64_t>(base + j) * p.v_stride;
#pragma unroll
            for (int i = 0; i < kSimpleDim / 32; i++) {
                if (lane + 32 * i < dim) o[i] = fmaf(w, to_float(value[lane + 32 * i]), o[i]);
            }
        }
    }
    T* y = static_cast<T*>(p.y) + static_cast<int64_t>(item.query_start + row) * p.y_stride + head * dim;
#pragma unroll
    for (int i = 0; i < kSimpleDim / 32; i++) {
        if (lane + 32 * i < dim) y[lane + 32 * i] = from_float<T>(o[i] / sum);
    }
}

#if BUILDS(simple_bf16)
extern "C" __global__ void __launch_bounds__(128) attention_simple_bf16(const __grid_constant__ AttentionParams p) { attention_simple<bf16>(p); }
#endif
#if BUILDS(f32)
extern "C" __global__ void __launch_bounds__(128) attention_simple_f32(const __grid_constant__ AttentionParams p) { attention_simple<float>(p); }
#endif
