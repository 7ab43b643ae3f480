// conv2d.cu: convolution with a 3x3 or 1x1 kernel over channels-last maps.
//
// Math       y[n, oy, ox, o] = bias[o] + sum over ky, kx, i of x[n, sy, sx, i] * w[o, ky, kx, i] (+ residual[n, oy, ox, o]),
//            (sy, sx) = (oy * stride + ky - pad, ox * stride + kx - pad) >> up, zero outside of the map.
//            Same: stride 1, pad kernel / 2, up 0. Upsample2: stride 1, pad 1, up 1. Downsample2: stride 2, pad 0, up 0.
// Shapes     x [n, h, w, cin], w [cout, kernel, kernel, cin] in the type of x, bias [cout] float, y and residual [n, oh, ow, cout]; residual may be y.
//            mma: cin and cout multiples of 8. narrow: 3x3 Same, cout <= 8, cin a multiple of 8.
//            few: cout a multiple of 8, the weights as floats fit 48 KB of shared memory, pixels * cout / 8 + 2^23 < 2^31. direct: any.
// Precision  bf16 or float storage, float accumulation; bias and residual are added in float and the sum is rounded once.
// Launch     mma: 128 threads, grid (ceil(pixels / 128) * ceil(cout / 128)), kMmaShared bytes of dynamic shared memory, pixels = n * oh * ow < 2^31.
//            narrow: 256 threads, grid (ceil(ow / 32), ceil(oh / 8), n), kNarrowShared bytes.
//            direct: 256 threads, grid ceil(pixels * ceil(cout / 8) / 256). few: 256 threads, any grid, kernel^2 * cin * cout * 4 bytes shared.
// Bytes      x + y + residual once, weights once: 0.13 ms for 1024x1024x128 at 4.2 TB/s, where the floor is arithmetic: 309 GFLOP.
// Measured   H200, 2026-11-23, random data, mma: 128^2 x 512, 256^2 x 512, 512^2 x 256, 1024^2 x 128: 0.195, 0.82, 0.87, 0.96 ms = 396 to 322 TFLOP/s.
//            narrow: 128 -> 3 at 1024^2 0.18 ms. few: 3 -> 128 at 1024^2 1.05 ms (direct 4.0).
// Entries    conv2d_mma_bf16, conv2d_narrow_bf16, conv2d_few_bf16, conv2d_direct_bf16, conv2d_direct_f32
// Host half  CudaBackend.Conv2d.cs; on Hopper it prefers conv2d_sm90.cu
// Source     implicit GEMM: the input patch matrix is never stored; each cp.async of 16 bytes computes its own source
#include "common/conv.cuh"
#include "common/ptx.cuh"

struct Conv2dParams {
    const void* x;
    const void* weight;
    const float* bias;
    const void* residual;  // or null
    void* y;
    int n, h, w, cin;
    int oh, ow, cout, kernel;
    int stride, pad, up;
    int reserved;
};
static_assert(sizeof(Conv2dParams) == 88, "mirrored in CudaBackend.Conv2d.cs");

// ---- mma: 128 pixels x 128 output channels a block, 4 warps of 64x64, K in steps of 32

static constexpr int kTileM = 128, kTileN = 128, kTileK = 32, kMmaStages = 3;
static constexpr int kTileBytes = 128 * kTileK * 2;
static constexpr int kMmaShared = kMmaStages * 2 * kTileBytes;
static_assert(kMmaShared == 49152, "mirrored in CudaBackend.Conv2d.cs");

// Byte of 16-byte chunk `chunk` (0..3) of row `row` in a tile of 64-byte rows. Two rows share the 128 bytes of all banks;
// the exclusive or spreads 8 consecutive rows over all of them, for the writes and for ldmatrix.
static __device__ __forceinline__ uint32_t swizzle64(int row, int chunk) { return row * 64 + ((chunk ^ ((row >> 1) & 3)) << 4); }

#if BUILDS(mma_bf16)
extern "C" __global__ void __launch_bounds__(128, 2) conv2d_mma_bf16(const __grid_constant__ Conv2dParams p) {
    extern __shared__ __align__(128) uint8_t shared[];
    uint32_t base = shared_address(shared);
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    // The blocks of one pixel tile are neighbours: they share its input in L2.
    int tilesN = (p.cout + kTileN - 1) / kTileN;
    int m0 = static_cast<int>(blockIdx.x) / tilesN * kTileM;
    int n0 = static_cast<int>(blockIdx.x) % tilesN * kTileN;
    int pixels = p.n * p.oh * p.ow;
    int depth = p.kernel * p.kernel * p.cin;
    int steps = (depth + kTileK - 1) / kTileK;

    // This thread copies chunk `chunk` of 4 rows of either tile. `tap`, `channel`: where its chunk of the next step lies.
    int chunk = threadIdx.x & 3, row0 = threadIdx.x >> 2;
    int channel = chunk * 8, tap = 0;
    while (channel >= p.cin) {
        channel -= p.cin;
        tap++;
    }
    const bf16* x = static_cast<const bf16*>(p.x);
    const bf16* picture[4];
    int oy[4], ox[4];
    const bf16* weight[4];
    uint32_t weightBytes[4], target[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int row = row0 + 32 * i, m = m0 + row;
        int item = m / (p.oh * p.ow), rest = m - item * (p.oh * p.ow);
        // Far below the map where the tile hangs over the last pixel: every tap is then outside.
        oy[i] = m < pixels ? rest / p.ow : 0x20000000;
        ox[i] = m < pixels ? rest % p.ow : 0;
        picture[i] = x + static_cast<int64_t>(m < pixels ? item : 0) * p.h * p.w * p.cin;
        bool inside = n0 + row < p.cout;
        weight[i] = static_cast<const bf16*>(p.weight) + static_cast<int64_t>(inside ? n0 + row : 0) * depth;
        weightBytes[i] = inside ? 16 : 0;
        target[i] = base + swizzle64(row, chunk);
    }
    const bf16* source[4];
    uint32_t sourceBytes[4];
    auto seek = [&]() {
        int ky = tap / p.kernel, kx = tap - ky * p.kernel;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int sy, sx;
            bool inside = tap_source(sy, sx, oy[i], ox[i], ky, kx, p.stride, p.pad, p.up, p.h, p.w) && tap < p.kernel * p.kernel;
            sourceBytes[i] = inside ? 16 : 0;
            source[i] = inside ? picture[i] + (static_cast<int64_t>(sy) * p.w + sx) * p.cin : picture[i];
        }
    };
    seek();
    auto copy = [&](int stage, int step) {
        int k = step * kTileK + chunk * 8;
        bool inDepth = k < depth;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            cp_async_16(target[i] + stage * (2 * kTileBytes), source[i] + channel, sourceBytes[i]);
            cp_async_16(target[i] + stage * (2 * kTileBytes) + kTileBytes, weight[i] + (inDepth ? k : 0), inDepth ? weightBytes[i] : 0);
        }
        channel += kTileK;
        if (channel >= p.cin) {
            do {
                channel -= p.cin;
                tap++;
            } while (channel >= p.cin);
            seek();
        }
    };

    float acc[4][8][4] = {};
    int warpM = (warp & 1) * 64, warpN = (warp >> 1) * 64;
    // ldmatrix of A: rows lane % 16, chunk lane / 16. Of B: rows of two 8-row groups, chunks of one k16.
    int aRow = warpM + (lane & 15), aChunk = lane >> 4;
    int bRow = warpN + (lane & 7) + (lane >> 4) * 8, bChunk = (lane >> 3) & 1;

#pragma unroll
    for (int s = 0; s < kMmaStages - 1; s++) {
        if (s < steps) copy(s, s);
        cp_async_commit();
    }
    int stage = 0, fill = kMmaStages - 1;
    for (int step = 0; step < steps; step++) {
        cp_async_wait<kMmaStages - 2>();
        __syncthreads();
        uint32_t a0 = base + stage * (2 * kTileBytes), b0 = a0 + kTileBytes;
        uint32_t a[4][4], b[4][4];
        auto fragments = [&](int kk) {
#pragma unroll
            for (int i = 0; i < 4; i++) ldmatrix_x4(a[i], a0 + swizzle64(aRow + 16 * i, kk * 2 + aChunk));
#pragma unroll
            for (int j = 0; j < 4; j++) ldmatrix_x4(b[j], b0 + swizzle64(bRow + 16 * j, kk * 2 + bChunk));
        };
        auto multiply = [&]() {
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 8; j++) mma_16816(acc[i][j], a[i], b[j >> 1][(j & 1) * 2], b[j >> 1][(j & 1) * 2 + 1]);
            }
        };
        fragments(0);
        if (step + kMmaStages - 1 < steps) copy(fill, step + kMmaStages - 1);
        cp_async_commit();
        multiply();
        fragments(1);
        multiply();
        stage = stage == kMmaStages - 1 ? 0 : stage + 1;
        fill = fill == kMmaStages - 1 ? 0 : fill + 1;
    }

    bf16* y = static_cast<bf16*>(p.y);
    const bf16* residual = static_cast<const bf16*>(p.residual);
#pragma unroll
    for (int j = 0; j < 8; j += 2) {
        int column = n0 + warpN + j * 8 + quad_column();
        Pack<float, 4> bias = column < p.cout ? load_pack<float, 4>(p.bias + column) : Pack<float, 4>{};
        Pack<uint32_t, 2> r[8];
        auto row = [&](int i) { return m0 + warpM + (i >> 1) * 16 + (i & 1) * 8 + (lane >> 2); };
#pragma unroll
        for (int i = 0; i < 8; i++) r[i] = load_residual(residual, static_cast<int64_t>(row(i)) * p.cout + column, row(i) < pixels && column < p.cout);
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const float* a = &acc[i >> 1][j][(i & 1) * 2];
            const float* b = &acc[i >> 1][j + 1][(i & 1) * 2];
            Pack<float, 4> v = quad_exchange(a[0], a[1], b[0], b[1]);
            if (row(i) < pixels && column < p.cout) store_columns(y + static_cast<int64_t>(row(i)) * p.cout + column, v, bias, r[i]);
        }
    }
}
#endif

// ---- narrow: few output channels (the last convolution of a decoder). Bound by reading x once, so the block keeps an 8x32 tile of pixels
// with its border in shared memory, 64 channels at a time, and all nine taps read it there; ldmatrix takes the rows of each tap as they lie.

static constexpr int kNarrowH = 8, kNarrowW = 32, kHaloW = kNarrowW + 2, kHaloRows = (kNarrowH + 2) * kHaloW;
static constexpr int kNarrowTile = kHaloRows * 128;        // x: rows of 64 channels
static constexpr int kNarrowShared = kNarrowTile + 9 * 8 * 128;  // and weights: [tap][8 outputs][64 channels]
static_assert(kNarrowShared == 52736, "mirrored in CudaBackend.Conv2d.cs");

static __device__ __forceinline__ uint32_t swizzle128(int row, int chunk) { return row * 128 + ((chunk ^ (row & 7)) << 4); }

#if BUILDS(narrow_bf16)
extern "C" __global__ void __launch_bounds__(256) conv2d_narrow_bf16(const __grid_constant__ Conv2dParams p) {
    extern __shared__ __align__(128) uint8_t shared[];
    uint32_t base = shared_address(shared), weights = base + kNarrowTile;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int x0 = blockIdx.x * kNarrowW, y0 = blockIdx.y * kNarrowH;
    const bf16* x = static_cast<const bf16*>(p.x) + static_cast<int64_t>(blockIdx.z) * p.h * p.w * p.cin;
    const bf16* weight = static_cast<const bf16*>(p.weight);

    // Warp i has row i of the tile: two groups of 16 pixels.
    float acc[2][4] = {};
    for (int c0 = 0; c0 < p.cin; c0 += 64) {
        __syncthreads();
        for (int i = threadIdx.x; i < kHaloRows * 8; i += 256) {
            int row = i >> 3, chunk = i & 7;
            int sy = y0 + row / kHaloW - 1, sx = x0 + row % kHaloW - 1, c = c0 + chunk * 8;
            bool inside = sy >= 0 && sy < p.h && sx >= 0 && sx < p.w && c < p.cin;
            cp_async_16(base + swizzle128(row, chunk), inside ? x + (static_cast<int64_t>(sy) * p.w + sx) * p.cin + c : x, inside ? 16 : 0);
        }
        for (int i = threadIdx.x; i < 9 * 8 * 8; i += 256) {
            int row = i >> 3, chunk = i & 7, tap = row >> 3, o = row & 7, c = c0 + chunk * 8;
            bool inside = o < p.cout && c < p.cin;
            cp_async_16(weights + swizzle128(row, chunk), inside ? weight + (o * 9 + tap) * p.cin + c : weight, inside ? 16 : 0);
        }
        cp_async_commit();
        cp_async_wait<0>();
        __syncthreads();
#pragma unroll
        for (int tap = 0; tap < 9; tap++) {
            int row = (warp + tap / 3) * kHaloW + tap % 3 + (lane & 15);
#pragma unroll
            for (int half = 0; half < 2; half++) {
                uint32_t b[4];
                ldmatrix_x4(b, weights + swizzle128(tap * 8 + (lane & 7), half * 4 + (lane >> 3)));
#pragma unroll
                for (int kk = 0; kk < 2; kk++) {
#pragma unroll
                    for (int group = 0; group < 2; group++) {
                        uint32_t a[4];
                        ldmatrix_x4(a, base + swizzle128(row + group * 16, half * 4 + kk * 2 + (lane >> 4)));
                        mma_16816(acc[group], a, b[kk * 2], b[kk * 2 + 1]);
                    }
                }
            }
        }
    }

    int oy = y0 + warp;
    bf16* y = static_cast<bf16*>(p.y);
    const bf16* residual = static_cast<const bf16*>(p.residual);
#pragma unroll
    for (int i = 0; i < 8; i++) {
        int ox = x0 + (i >> 2) * 16 + ((i >> 1) & 1) * 8 + (lane >> 2), o = (lane & 3) * 2 + (i & 1);
        if (oy < p.oh && ox < p.ow && o < p.cout) {
            int64_t at = ((static_cast<int64_t>(blockIdx.z) * p.oh + oy) * p.ow + ox) * p.cout + o;
            float v = acc[i >> 2][i & 3] + p.bias[o];
            if (residual) v += to_float(residual[at]);
            y[at] = from_float<bf16>(v);
        }
    }
}
#endif

// ---- direct: any channels, either type; a thread has one pixel and 8 output channels. For odd channel counts and float comparisons.

template <typename T>
static __device__ __forceinline__ void conv2d_direct(const Conv2dParams& p) {
    int groups = (p.cout + 7) / 8;
    int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    int64_t pixel = index / groups;
    int o0 = static_cast<int>(index - pixel * groups) * 8;
    if (pixel >= static_cast<int64_t>(p.n) * p.oh * p.ow) return;
    int64_t row = pixel / p.ow;
    int ox = static_cast<int>(pixel - row * p.ow), item = static_cast<int>(row / p.oh), oy = static_cast<int>(row - static_cast<int64_t>(item) * p.oh);
    int depth = p.kernel * p.kernel * p.cin, count = p.cout - o0 < 8 ? p.cout - o0 : 8;
    const T* x = static_cast<const T*>(p.x) + static_cast<int64_t>(item) * p.h * p.w * p.cin;
    const T* weight = static_cast<const T*>(p.weight);
    float acc[8] = {};
    for (int tap = 0; tap < p.kernel * p.kernel; tap++) {
        int sy, sx;
        if (!tap_source(sy, sx, oy, ox, tap / p.kernel, tap % p.kernel, p.stride, p.pad, p.up, p.h, p.w)) continue;
        const T* source = x + (static_cast<int64_t>(sy) * p.w + sx) * p.cin;
        for (int c = 0; c < p.cin; c++) {
            float v = to_float(source[c]);
#pragma unroll
            for (int i = 0; i < 8; i++) {
                if (i < count) {
                    int64_t at = static_cast<int64_t>(o0 + i) * depth + tap * p.cin + c;
                    acc[i] = fmaf(v, to_float(weight[at]), acc[i]);
                }
            }
        }
    }
    T* y = static_cast<T*>(p.y);
    const T* residual = static_cast<const T*>(p.residual);
#pragma unroll
    for (int i = 0; i < 8; i++) {
        if (i < count) {
            int64_t at = pixel * p.cout + o0 + i;
            float v = acc[i] + p.bias[o0 + i];
            if (residual) v += to_float(residual[at]);
            y[at] = from_float<T>(v);
        }
    }
}

#if BUILDS(bf16)
extern "C" __global__ void __launch_bounds__(256) conv2d_direct_bf16(const __grid_constant__ Conv2dParams p) { conv2d_direct<bf16>(p); }
#endif

#if BUILDS(f32)
extern "C" __global__ void __launch_bounds__(256) conv2d_direct_f32(const __grid_constant__ Conv2dParams p) { conv2d_direct<float>(p); }
#endif

// ---- few: few input channels (the first convolution of an encoder). As direct, with the weights as floats in shared memory, [depth][cout];
// cout a multiple of 8.

#if BUILDS(bf16)
extern "C" __global__ void __launch_bounds__(256) conv2d_few_bf16(const __grid_constant__ Conv2dParams p) {
    extern __shared__ __align__(128) uint8_t shared[];
    float* weights = reinterpret_cast<float*>(shared);
    int depth = p.kernel * p.kernel * p.cin, groups = p.cout / 8;
    for (int i = threadIdx.x; i < depth * p.cout; i += 256) {
        int o = i / depth;
        weights[(i - o * depth) * p.cout + o] = to_float(static_cast<const bf16*>(p.weight)[i]);
    }
    __syncthreads();
    int items = p.n * p.oh * p.ow * groups;
    for (int index = static_cast<int>(blockIdx.x) * 256 + threadIdx.x; index < items; index += static_cast<int>(gridDim.x) * 256) {
        int pixel = index / groups, row = pixel / p.ow, item = row / p.oh;
        int o0 = (index - pixel * groups) * 8, ox = pixel - row * p.ow, oy = row - item * p.oh;
        const bf16* x = static_cast<const bf16*>(p.x) + static_cast<int64_t>(item) * p.h * p.w * p.cin;
        float acc[8];
#pragma unroll
        for (int i = 0; i < 8; i++) acc[i] = p.bias[o0 + i];
        const float* w = weights + o0;
        for (int ky = 0; ky < p.kernel; ky++) {
            for (int kx = 0; kx < p.kernel; kx++, w += p.cin * p.cout) {
                int sy, sx;
                if (!tap_source(sy, sx, oy, ox, ky, kx, p.stride, p.pad, p.up, p.h, p.w)) continue;
                const bf16* source = x + (static_cast<int64_t>(sy) * p.w + sx) * p.cin;
                for (int c = 0; c < p.cin; c++) {
                    float v = to_float(source[c]);
                    Pack<float, 4> w0 = load_pack<float, 4>(w + c * p.cout), w1 = load_pack<float, 4>(w + c * p.cout + 4);
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        acc[i] = fmaf(v, w0.v[i], acc[i]);
                        acc[i + 4] = fmaf(v, w1.v[i], acc[i + 4]);
                    }
                }
            }
        }
        Pack<uint32_t, 4> out;
        int64_t at = static_cast<int64_t>(pixel) * p.cout + o0;
        if (p.residual) {
            Pack<uint32_t, 4> r = load_pack<uint32_t, 4>(reinterpret_cast<const uint32_t*>(static_cast<const bf16*>(p.residual) + at));
#pragma unroll
            for (int i = 0; i < 4; i++) {
                acc[2 * i] += low_bf16(r.v[i]);
                acc[2 * i + 1] += high_bf16(r.v[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < 4; i++) out.v[i] = pack_bf16x2(acc[2 * i], acc[2 * i + 1]);
        store_pack<uint32_t, 4>(reinterpret_cast<uint32_t*>(static_cast<bf16*>(p.y) + at), out);
    }
}
#endif
