// attention_wide.cu: attention with heads above 256, up to 512: the one head of the autoencoder's middle block.
//
// Math      y = softmax(q.k^T / sqrt(head_dim)).v for each item and head, optionally causal, as attention.cu.
// Shapes    as attention.cu; head dimensions are padded to 512 in shared memory.
// Precision bf16 products with float accumulation; float maxima and sums; probabilities rounded to bf16 for P.V.
// Launch    grid (query tiles of all items, heads); rows64: 256 threads and 201 KB (keys64) or 133 KB (keys32) of shared memory, rows32: 128 threads and
//           98 KB, which is for devices with 99 KB and for few queries. Registers on sm_90: up to 249, no spills.
// Bytes     q, y once; k, v once a tile of queries from L2: at 16384 rows 8.6 GB with tiles of 64 queries, which at 5.5 TB/s takes 1.6 ms.
//           The arithmetic alone, 0.55 TFLOP, takes 0.9 ms at the about 620 TFLOP/s of mma.sync on an H200. Going further needs taller tiles, which one
//           multiprocessor's registers do not hold, or copies shared by a cluster.
// Measured  H200, 2026-11-23, one head of 512, one item, launches back to back: 16384 rows: rows64_keys64 2.2 ms (249 TFLOP/s), rows64_keys32 2.7,
//           rows32 2.6; 8192 rows: 0.57, 0.68, 0.65; 4096 rows: 0.29, 0.34, 0.23.
//           In a decode of the full model (zimage bench --kernels): 16384 rows 2.8 ms, 196 TFLOP/s.
// Entries   attention_wide_rows64_keys64_bf16, attention_wide_rows64_keys32_bf16, attention_wide_rows32_keys32_bf16
// Host half src/ZImage/Backends/Cuda/CudaBackend.Attention.cs; the choice of kernel in AttentionPlan.cs
// Source    our own.
#include "common/attention_tile.cuh"

static constexpr int kDim = 512;

// Shared memory of a block: queries, a tile of keys, a tile of values, the tile's probabilities, maxima of the key columns' warps, factors.
template <int kRows, int kKeys, int kWarps>
struct WideLayout {
    static constexpr int kColumnWarps = kKeys / 16, kRowWarps = kWarps / kColumnWarps;
    static constexpr int kKey = kRows * kDim * 2, kValue = kKey + kKeys * kDim * 2, kProbability = kValue + kKeys * kDim * 2;
    static constexpr int kMaxima = kProbability + kRows * kKeys * 2, kFactors = kMaxima + kColumnWarps * kRows * 4, kBytes = kFactors + kRows * 4;
};

// Offset of chunk `chunk` of row `row` in the tile of probabilities, whose rows have only kKeys * 2 bytes.
template <int kKeys>
static __device__ __forceinline__ uint32_t probability_at(int row, int chunk) {
    int turn = kKeys >= 64 ? row & 7 : (row >> 1) & 3;
    return static_cast<uint32_t>(row * (kKeys * 2) + ((chunk ^ turn) * 16));
}

// One block computes kRows queries. For Q.K^T the warps split the tile of rows and keys, 16 keys a warp; for P.V they split the head's
// columns, because no warp could hold 512 of them. Probabilities and the factors of the running output cross through shared memory.
template <int kRows, int kKeys, int kWarps>
static __device__ __forceinline__ void attention_wide(const AttentionParams& p) {
    using Layout = WideLayout<kRows, kKeys, kWarps>;
    constexpr int kThreads = 32 * kWarps, kRowTiles = kRows / Layout::kRowWarps / 16, kAllRowTiles = kRows / 16, kColumns = kDim / kWarps, kColumnTiles = kColumns / 8;
    extern __shared__ __align__(1024) uint8_t shared_memory[];
    uint32_t q_tile = shared_address(shared_memory), k_tile = q_tile + Layout::kKey, v_tile = q_tile + Layout::kValue, p_tile = q_tile + Layout::kProbability;
    float* maxima = reinterpret_cast<float*>(shared_memory + Layout::kMaxima);
    float* factors = reinterpret_cast<float*>(shared_memory + Layout::kFactors);
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, column_warp = warp % Layout::kColumnWarps, row_base = warp / Layout::kColumnWarps * (16 * kRowTiles);

    const AttentionItem& item = p.items[item_at(p, blockIdx.x)];
    int first = (blockIdx.x - item.first_tile) * kRows, head = blockIdx.y, key_head = head / p.heads_per_key_head, dim = p.head_dim;
    const bf16* q = static_cast<const bf16*>(p.q) + static_cast<int64_t>(item.query_start + first) * p.q_stride + head * dim;
    const bf16* k = static_cast<const bf16*>(p.k) + static_cast<int64_t>(item.key_start) * p.k_stride + key_head * dim;
    const bf16* v = static_cast<const bf16*>(p.v) + static_cast<int64_t>(item.key_start) * p.v_stride + key_head * dim;
    int keys = item.key_count;
    if (p.causal != 0 && first + kRows < keys) keys = first + kRows;
    int steps = (keys + kKeys - 1) / kKeys;

    copy_tile<kRows, kDim, kThreads>(q_tile, q, p.q_stride, item.query_count - first, dim);
    copy_tile<kKeys, kDim, kThreads>(k_tile, k, p.k_stride, keys, dim);
    cp_async_commit();

    uint32_t q_lane = q_tile + swizzled<kDim>(row_base + (lane & 15), lane >> 4);
    uint32_t k_lane = k_tile + swizzled<kDim>(column_warp * 16 + (lane >> 4) * 8 + (lane & 7), (lane >> 3) & 1);
    uint32_t v_lane = v_tile + swizzled<kDim>(lane & 15, warp * (kColumns / 8) + (lane >> 4));

    float o[kAllRowTiles][kColumnTiles][4], maximum[kRowTiles][2], sum[kRowTiles][2], scale = p.scale;
#pragma unroll
    for (int r = 0; r < kAllRowTiles; r++) {
#pragma unroll
        for (int j = 0; j < kColumnTiles; j++) o[r][j][0] = o[r][j][1] = o[r][j][2] = o[r][j][3] = 0.0f;
    }
#pragma unroll
    for (int r = 0; r < kRowTiles; r++) maximum[r][0] = maximum[r][1] = minus_infinity(), sum[r][0] = sum[r][1] = 0.0f;

    for (int n = 0; n < steps; n++) {
        cp_async_wait<0>();
        __syncthreads();               // keys are here, and nobody reads the last values any more
        copy_tile<kKeys, kDim, kThreads>(v_tile, v, p.v_stride, keys - n * kKeys, dim);
        cp_async_commit();
        v += static_cast<int64_t>(kKeys) * p.v_stride;

        float s[kRowTiles][2][4];
#pragma unroll
        for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
            for (int j = 0; j < 2; j++) s[r][j][0] = s[r][j][1] = s[r][j][2] = s[r][j][3] = 0.0f;
        }
#pragma unroll 8
        for (int i = 0; i < kDim / 16; i++) {
            uint32_t b[4];
            ldmatrix_x4(b, k_lane ^ (i * 32));
#pragma unroll
            for (int r = 0; r < kRowTiles; r++) {
                uint32_t a[4];
                ldmatrix_x4(a, (q_lane ^ (i * 32)) + r * 16 * kDim * 2);
                mma_16816(s[r][0], a, b[0], b[1]);
                mma_16816(s[r][1], a, b[2], b[3]);
            }
        }

#pragma unroll
        for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                int row = row_base + r * 16 + (lane >> 2) + 8 * h, left = keys;
                if (p.causal != 0 && first + row + 1 < left) left = first + row + 1;
                left -= n * kKeys + column_warp * 16 + 2 * (lane & 3);
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    if (8 * j >= left) s[r][j][2 * h] = minus_infinity();
                    if (8 * j + 1 >= left) s[r][j][2 * h + 1] = minus_infinity();
                }
                float x = quad_max(fmaxf(fmaxf(s[r][0][2 * h], s[r][0][2 * h + 1]), fmaxf(s[r][1][2 * h], s[r][1][2 * h + 1])));
                if ((lane & 3) == 0) maxima[column_warp * kRows + row] = x;
            }
        }
        __syncthreads();               // maxima are there, and nobody reads the keys any more
        if (n + 1 < steps) {
            k += static_cast<int64_t>(kKeys) * p.k_stride;
            copy_tile<kKeys, kDim, kThreads>(k_tile, k, p.k_stride, keys - (n + 1) * kKeys, dim);
        }
        cp_async_commit();

#pragma unroll
        for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                int row = row_base + r * 16 + (lane >> 2) + 8 * h;
                float x = maxima[row];
#pragma unroll
                for (int w = 1; w < Layout::kColumnWarps; w++) x = fmaxf(x, maxima[w * kRows + row]);
                float factor = raise_maximum(maximum[r][h], x, scale), shift = maximum[r][h] * scale;
                if (column_warp == 0 && (lane & 3) == 0) factors[row] = factor;
                sum[r][h] *= factor;
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    float x0 = exp2_approx(fmaf(s[r][j][2 * h], scale, -shift)), x1 = exp2_approx(fmaf(s[r][j][2 * h + 1], scale, -shift));
                    sum[r][h] += x0 + x1;
                    uint32_t at = probability_at<kKeys>(row, column_warp * 2 + j) + (lane & 3) * 4;
                    *reinterpret_cast<uint32_t*>(shared_memory + Layout::kProbability + at) = pack_bf16x2(x0, x1);
                }
            }
        }
        cp_async_wait<1>();
        __syncthreads();               // values, probabilities and factors are there

#pragma unroll
        for (int r = 0; r < kAllRowTiles; r++) {
            float factor0 = factors[r * 16 + (lane >> 2)], factor1 = factors[r * 16 + (lane >> 2) + 8];
            if (__any_sync(0xffffffffu, factor0 != 1.0f || factor1 != 1.0f)) {
#pragma unroll
                for (int j = 0; j < kColumnTiles; j++) o[r][j][0] *= factor0, o[r][j][1] *= factor0, o[r][j][2] *= factor1, o[r][j][3] *= factor1;
            }
        }
#pragma unroll
        for (int i = 0; i < kKeys / 16; i++) {
            uint32_t a[kAllRowTiles][4];
#pragma unroll
            for (int r = 0; r < kAllRowTiles; r++) ldmatrix_x4(a[r], p_tile + probability_at<kKeys>(r * 16 + (lane & 15), 2 * i + (lane >> 4)));
#pragma unroll
            for (int j = 0; j < kColumnTiles; j += 2) {
                uint32_t b[4];
                ldmatrix_x4_transposed(b, (v_lane ^ (j * 16)) + i * 16 * kDim * 2);
#pragma unroll
                for (int r = 0; r < kAllRowTiles; r++) {
                    mma_16816(o[r][j], a[r], b[0], b[1]);
                    mma_16816(o[r][j + 1], a[r], b[2], b[3]);
                }
            }
        }
    }

    // Sums of the key columns' warps, added in one order by everyone.
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float x = quad_sum(sum[r][h]);
            if ((lane & 3) == 0) maxima[column_warp * kRows + row_base + r * 16 + (lane >> 2) + 8 * h] = x;
        }
    }
    __syncthreads();
    bf16* y = static_cast<bf16*>(p.y) + static_cast<int64_t>(item.query_start + first) * p.y_stride + head * dim;
#pragma unroll
    for (int r = 0; r < kAllRowTiles; r++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int row = r * 16 + (lane >> 2) + 8 * h;
            float x = maxima[row];
#pragma unroll
            for (int w = 1; w < Layout::kColumnWarps; w++) x += maxima[w * kRows + row];
            store_rows<kColumnTiles>(y + static_cast<int64_t>(row) * p.y_stride, o[r], h, 1.0f / x, first + row < item.query_count, warp * kColumns, dim);
        }
    }
}

#if BUILDS(rows64_keys64_bf16)
extern "C" __global__ void __launch_bounds__(256, 1) attention_wide_rows64_keys64_bf16(const __grid_constant__ AttentionParams p) { attention_wide<64, 64, 8>(p); }
#endif
#if BUILDS(rows64_keys32_bf16)
extern "C" __global__ void __launch_bounds__(256, 1) attention_wide_rows64_keys32_bf16(const __grid_constant__ AttentionParams p) { attention_wide<64, 32, 8>(p); }
#endif
#if BUILDS(rows32_keys32_bf16)
extern "C" __global__ void __launch_bounds__(128, 1) attention_wide_rows32_keys32_bf16(const __grid_constant__ AttentionParams p) { attention_wide<32, 32, 4>(p); }
#endif
