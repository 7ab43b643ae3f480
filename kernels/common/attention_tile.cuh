// attention_tile.cuh: what the mma.sync attention kernels share: parameters, swizzled tiles in shared memory, the store of rows.
#pragma once
#include "attention.cuh"

static constexpr int kMaxItems = 16;

struct AttentionParams {
    const void* q;
    const void* k;
    const void* v;
    void* y;
    AttentionItem items[kMaxItems];
    int item_count;
    int heads_per_key_head, head_dim, causal;
    int q_stride, k_stride, v_stride, y_stride;   // elements from one row to the next
    float scale;                                  // log2(e) / sqrt(head_dim)
    int reserved;
};
static_assert(sizeof(AttentionParams) == 392, "mirrored in CudaBackend.Attention.cs");

static __device__ __forceinline__ int item_at(const AttentionParams& p, int tile) {
    int item = 0;
    while (item + 1 < p.item_count && tile >= p.items[item + 1].first_tile) item++;
    return item;
}

// Byte offset of 16-byte chunk `chunk` of row `row` in a tile of rows of kDim elements: chunks are swizzled so that eight rows of one column
// of chunks lie in eight different bank groups.
template <int kDim>
static __device__ __forceinline__ uint32_t swizzled(int row, int chunk) {
    return static_cast<uint32_t>(row * (kDim * 2) + ((chunk ^ (row & 7)) * 16));
}

// Starts the copy of kRows rows of kDim elements to shared memory. Rows from `rows` on and columns from `columns` on become zeros.
template <int kRows, int kDim, int kThreads>
static __device__ __forceinline__ void copy_tile(uint32_t destination, const bf16* source, int stride, int rows, int columns) {
    constexpr int kChunks = kDim / 8, kRowsAtOnce = kThreads / kChunks;
    static_assert(kThreads % kChunks == 0 && kRows % kRowsAtOnce == 0, "whole passes");
    int row = threadIdx.x / kChunks, chunk = threadIdx.x % kChunks;
    bool column_valid = chunk * 8 < columns;
    int left = column_valid ? rows - row : 0;
    const bf16* from = source + static_cast<int64_t>(row) * stride + chunk * 8;
    uint32_t to = destination + swizzled<kDim>(row, chunk);   // the swizzle repeats every 8 rows
#pragma unroll
    for (int i = 0; i < kRows / kRowsAtOnce; i++) {
        bool valid = left > i * kRowsAtOnce;
        uint32_t at = kRowsAtOnce % 8 == 0 ? to + i * kRowsAtOnce * kDim * 2 : destination + swizzled<kDim>(row + i * kRowsAtOnce, chunk);
        cp_async_16(at, valid ? from : source, valid ? 16 : 0);
        from += static_cast<int64_t>(kRowsAtOnce) * stride;
    }
}

// Stores rows of a warp's output fragments in 16-byte pieces; kTiles groups of 8 columns from `column` on.
template <int kTiles>
static __device__ __forceinline__ void store_rows(bf16* y, float (&o)[kTiles][4], int half, float inverse, bool row_valid, int column, int columns) {
    int lane = threadIdx.x & 31;
#pragma unroll
    for (int j = 0; j < kTiles; j += 4) {
        uint32_t w[4];
#pragma unroll
        for (int i = 0; i < 4; i++) w[i] = pack_bf16x2(o[j + i][2 * half] * inverse, o[j + i][2 * half + 1] * inverse);
        quad_transpose(w);
        int at = column + 8 * (j + (lane & 3));
        if (row_valid && at < columns) *reinterpret_cast<Pack<uint32_t, 4>*>(y + at) = Pack<uint32_t, 4>{{w[0], w[1], w[2], w[3]}};
    }
}
