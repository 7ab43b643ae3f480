// conv2d_sm90.cu: convolution with a 3x3 or 1x1 kernel over channels-last maps, for Hopper.
//
// Math       as conv2d.cu
// Shapes     as conv2d.cu; cin and cout multiples of 8. One block tile is 8x16 pixels x 256 channels (n256) or 16x16 x 128 (n128).
//            Upsample2 works on the four phases of the output by themselves: the pixels of one parity read plain boxes of the stored map.
//            Of the 3x3 taps of a phase, those that fall on one stored pixel can be summed beforehand: `fold` makes the four 2x2 kernels, which
//            saves 5 of 9 multiplications. The sums are rounded to bf16, about as much error again as the rounding of the output.
// Precision  bf16 storage, float accumulation; bias and residual are added in float and the sum is rounded once.
// Launch     384 threads (a producer and two consumer warpgroups), grid min(tiles, multiprocessors), kShared bytes of dynamic shared memory.
// Bytes      as conv2d.cu; per step of 64 channels a block reads 48 KB from L2 for 4.2 MFLOP.
// Measured   H200, 2026-11-23, random data: 128^2 x 512, 256^2 x 512, 512^2 x 256: 0.101, 0.420, 0.424 ms = 765, 737, 729 TFLOP/s, with a residual
//            0.106, 0.424, 0.463 ms; 1024^2 x 256 -> 128: 0.875 ms, 1024^2 x 128: 0.488, with a residual 0.542 ms = 707, 634, 571 TFLOP/s.
//            All convolutions of the 1024x1024 decoder: 14.3 ms, with folded upsampling 12.7 (the mma kernel of conv2d.cu: 28, cuDNN: 22).
//            In a decode of the full model, on a hot card (zimage bench --kernels): 128^2 x 512 0.127 ms, 256^2 x 512 0.476, 512^2 x 256 0.526,
//            1024^2 x 128 0.619 ms = 609, 650, 588, 500 TFLOP/s.
//            Tried and slower: clusters of two that share the weights (256^2 x 512 with a residual: 0.53 against 0.45 ms at that time); with a
//            residual at 1024^2 x 128, 0.542 ms: its prefetch into L2 (0.66 by bulk copies, 0.56 by lines), two blocks of one warpgroup (0.65).
// Entries    conv2d_wgmma_n256_bf16, conv2d_wgmma_n128_bf16; conv2d_fold_bf16 (256 threads, grid ceil(cout * 16 * cin / 256))
// Host half  CudaBackend.Conv2d.Sm90.cs, which encodes the tensor maps:
//            x       [n, h, w, cin] with boxes {64, 16 * stride, rows * stride, 1} and element strides {1, stride, stride, 1}
//            weight  [cout, kernel^2, cin], folded [cout, 16, cin], with boxes {64, 1, N}; both in the 128-byte swizzle, zeros outside
// Source     implicit GEMM: the box of a tap is the tile's box, moved; what TMA fills in outside of the map is the zero border.
#include "common/conv.cuh"
#include "common/wgmma_ss.cuh"

struct Conv2dSm90Params {
    TensorMap x, weight;
    const float* bias;
    const bf16* residual;  // or null
    bf16* y;
    int n, oh, ow, cout;
    int kernel, channelBlocks;  // of 64 input channels
    int stride, pad, up;
    int tilesX, tilesY, tilesN;  // of one picture and phase
    int folded;                  // the weights are those of the four phases, [cout, 4 phases * 4 taps, cin]; kernel is 2
    int reserved[13];
};
static_assert(sizeof(Conv2dSm90Params) == 384, "mirrored in CudaBackend.Conv2d.Sm90.cs");

static constexpr int kRowPixels = 16;

// A tile is two consumer warpgroups of M fragments of 64 pixels, by N channels; a stage holds 64 input channels of it.
static constexpr int kStages = 4, kStageBytes = 49152;
static constexpr int kShared = kStages * kStageBytes + 1024;
static_assert(kShared == 197632, "mirrored in CudaBackend.Conv2d.Sm90.cs");

struct Tile {
    int item, gx, gy, px, py, n0;
};

// Channel tiles of the same pixels are neighbours, then the phases: they share their input in L2.
static __device__ __forceinline__ Tile tile_at(const Conv2dSm90Params& p, int index, int tileH, int tileN) {
    Tile t;
    t.n0 = index % p.tilesN * tileN;
    index /= p.tilesN;
    int phase = 0;
    if (p.up) {
        phase = index & 3;
        index >>= 2;
    }
    t.px = phase & 1;
    t.py = phase >> 1;
    t.gx = index % p.tilesX * kRowPixels;
    index /= p.tilesX;
    t.gy = index % p.tilesY * tileH;
    t.item = index / p.tilesY;
    return t;
}

template <int M, int N>
static __device__ __forceinline__ void conv2d_wgmma(const Conv2dSm90Params& p) {
    constexpr int kTileH = 8 * M, kInputBytes = M * 16384;
    static_assert(kInputBytes + N * 128 == kStageBytes, "a stage holds both tiles");
    extern __shared__ __align__(1024) uint8_t dynamic[];
    __shared__ __align__(8) uint64_t barriers[2 * kStages];
    uint32_t base = (shared_address(dynamic) + 1023) & ~1023u;
    uint32_t full = shared_address(barriers), empty = full + 8 * kStages;
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    if (threadIdx.x == 0) {
        for (int i = 0; i < kStages; i++) {
            mbarrier_init(full + 8 * i, 1);
            mbarrier_init(empty + 8 * i, 8);  // one arrival of each consumer warp
        }
        fence_mbarrier_init();
    }
    __syncthreads();
    int tiles = p.n * p.tilesY * p.tilesX * (p.up ? 4 : 1) * p.tilesN;
    int steps = p.kernel * p.kernel * p.channelBlocks;

    if (warp < 4) {
        setmaxnreg_dec<40>();
        if (threadIdx.x == 0) {
            int stage = 0;
            uint32_t parity = 1;  // the first round finds every stage empty
            for (int index = blockIdx.x; index < tiles; index += gridDim.x) {
                Tile t = tile_at(p, index, kTileH, N);
                for (int tap = 0; tap < p.kernel * p.kernel; tap++) {
                    int ky = tap / p.kernel, kx = tap - ky * p.kernel;
                    int shift = p.folded ? 0 : p.up;
                    int sx = t.gx * p.stride + ((t.px + kx - p.pad) >> shift), sy = t.gy * p.stride + ((t.py + ky - p.pad) >> shift);
                    int weightTap = p.folded ? (t.py * 2 + t.px) * 4 + tap : tap;
                    for (int c = 0; c < p.channelBlocks; c++) {
                        mbarrier_wait(empty + 8 * stage, parity);
                        uint32_t at = base + stage * kStageBytes, ready = full + 8 * stage;
                        mbarrier_arrive_expect_tx(ready, kStageBytes);
                        tma_load_4d(at, &p.x, ready, c * 64, sx, sy, t.item);
                        tma_load_3d(at + kInputBytes, &p.weight, ready, c * 64, weightTap, t.n0);
                        if (++stage == kStages) {
                            stage = 0;
                            parity ^= 1;
                        }
                    }
                }
            }
        }
    } else {
        setmaxnreg_inc<232>();
        int group = (warp >> 2) - 1;
        float acc[M][N / 2] = {};
        int stage = 0;
        uint32_t parity = 0;
        for (int index = blockIdx.x; index < tiles; index += gridDim.x) {
            Tile t = tile_at(p, index, kTileH, N);
            int previous = 0;
            for (int step = 0; step < steps; step++) {
                mbarrier_wait(full + 8 * stage, parity);
                uint32_t at = base + stage * kStageBytes;
                uint64_t a = wgmma_descriptor(at + group * M * 8192, 16, 1024), b = wgmma_descriptor(at + kInputBytes, 16, 1024);
                wgmma_fence();
#pragma unroll
                for (int k = 0; k < 4; k++) {
#pragma unroll
                    for (int m = 0; m < M; m++) wgmma_ss<N>(acc[m], a + m * 512 + k * 2, b + k * 2, step | k);
                }
                wgmma_commit();
                if (step > 0) {
                    wgmma_wait<1>();
                    if (lane == 0) mbarrier_arrive(empty + 8 * previous);
                }
                previous = stage;
                if (++stage == kStages) {
                    stage = 0;
                    parity ^= 1;
                }
            }
            wgmma_wait<0>();
            if (lane == 0) mbarrier_arrive(empty + 8 * previous);
#pragma unroll
            for (int m = 0; m < M; m++) wgmma_hold(acc[m]);

            // Row i of this lane, of 2 * M: two a fragment. Everything that a batch of columns reads is asked for before its first store.
            constexpr int kRows = 2 * M, kBatch = 16 / kRows;
            int64_t at[kRows];
            bool inside[kRows];
#pragma unroll
            for (int i = 0; i < kRows; i++) {
                int gy = t.gy + (group * M + (i >> 1)) * 4 + (warp & 3), gx = t.gx + (i & 1) * 8 + (lane >> 2);
                inside[i] = gy < (p.oh >> p.up) && gx < (p.ow >> p.up);
                at[i] = ((static_cast<int64_t>(t.item) * p.oh + ((gy << p.up) + t.py)) * p.ow + ((gx << p.up) + t.px)) * p.cout;
            }
#pragma unroll
            for (int j0 = 0; j0 < N / 16; j0 += kBatch) {
                Pack<uint32_t, 2> r[kBatch][kRows];
                Pack<float, 4> bias[kBatch];
                auto column = [&](int j) { return t.n0 + (j0 + j) * 16 + quad_column(); };
#pragma unroll
                for (int j = 0; j < kBatch; j++) {
                    bias[j] = column(j) < p.cout ? load_pack<float, 4>(p.bias + column(j)) : Pack<float, 4>{};
#pragma unroll
                    for (int i = 0; i < kRows; i++) r[j][i] = load_residual(p.residual, at[i] + column(j), inside[i] && column(j) < p.cout);
                }
#pragma unroll
                for (int i = 0; i < kRows; i++) {
#pragma unroll
                    for (int j = 0; j < kBatch; j++) {
                        const float* d = &acc[i >> 1][(j0 + j) * 8 + (i & 1) * 2];
                        Pack<float, 4> v = quad_exchange(d[0], d[1], d[4], d[5]);
                        if (inside[i] && column(j) < p.cout) store_columns(p.y + at[i] + column(j), v, bias[j], r[j][i]);
                    }
                }
            }
        }
    }
}

#if BUILDS(n256_bf16)
extern "C" __global__ void __launch_bounds__(384, 1) conv2d_wgmma_n256_bf16(const __grid_constant__ Conv2dSm90Params p) { conv2d_wgmma<1, 256>(p); }
#endif

#if BUILDS(n128_bf16)
extern "C" __global__ void __launch_bounds__(384, 1) conv2d_wgmma_n128_bf16(const __grid_constant__ Conv2dSm90Params p) { conv2d_wgmma<2, 128>(p); }
#endif

struct Conv2dFoldParams {
    const bf16* weight;  // [cout, 3, 3, cin]
    bf16* folded;        // [cout, 4 phases, 2, 2, cin]
    int cin, cout;
};
static_assert(sizeof(Conv2dFoldParams) == 24, "mirrored in CudaBackend.Conv2d.Sm90.cs");

// Phase 0 (even) reads the stored pixel before it with tap 0 and its own with taps 1 and 2; phase 1 its own with 0 and 1 and the next with 2.
#if BUILDS(fold_bf16)
extern "C" __global__ void conv2d_fold_bf16(const __grid_constant__ Conv2dFoldParams p) {
    int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= static_cast<int64_t>(p.cout) * 16 * p.cin) return;
    int c = static_cast<int>(i % p.cin), index = static_cast<int>(i / p.cin), tap = index & 3, phase = (index >> 2) & 3;
    int py = phase >> 1, px = phase & 1, ty = tap >> 1, tx = tap & 1;
    const bf16* w = p.weight + static_cast<int64_t>(index >> 4) * 9 * p.cin + c;
    int ky = ty * (1 + py), kx = tx * (1 + px), rows = ty == py ? 1 : 2, columns = tx == px ? 1 : 2;
    float sum = 0.0f;
    for (int y = ky; y < ky + rows; y++) {
        for (int x = kx; x < kx + columns; x++) sum += to_float(w[(y * 3 + x) * p.cin]);
    }
    p.folded[i] = from_float<bf16>(sum);
}
#endif
