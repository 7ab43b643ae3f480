// rmsnorm: root-mean-square norms over rows.
//
// Math       norm(z) = z * rsqrt(mean(z^2) + eps).
//            norm:      y = norm(x) * weight (* scale)
//            residual:  x += gate * norm(y) * weight  (or x += gate * y);  then optionally h = norm(x) * next_weight (* next_scale)
// Shapes     x, y, h [rows, width], rows may have gaps; weight, gate, scale, next_* [width] float. _x2, _x4, _ring: every address 16-byte
//            aligned, rows of whole groups of 8 elements. _x2 and _x4 hold a row in registers, up to 512 threads * 2 or 4 groups;
//            _ring: up to 4096 elements; _any reads the row again instead, whatever its width and place. y of `norm` may be x; h may be y.
// Precision  float statistics and products, one rounding per stored element. The second norm of `residual` is of x as it was stored.
// Launch     one block per row, or one warp per row and 4 rows per block; row_threads threads of a row; see RowGeometry. _ring: 128 threads,
//            4 blocks per multiprocessor that walk over the rows, 48 KB of dynamic shared memory each.
// Bytes      norm 2, residual 3 (without h) or 4 times rows * width * sizeof(T), once each; vectors stay in L1.
//            S = 4160, width 3840, bf16, 4.2 TB/s: 15.2, 22.8, 30.4 us.
// Measured   H200, 2026-11-23, in a graph of 24 (a launch of nothing: 1.1 us), S = 4160, width 3840, bf16: norm_x2 20.7 us; residual with h: _ring
//            35.7 us (3.6 TB/s), _x2 42.6; without h: _x2 29.0. 512 rows of 2560: norm_x2 3.7 us, residual with h: _ring 5.4.
//            In a forward of the full model (zimage bench --kernels): _ring 36.0 us.
// Entries    rmsnorm_{norm,residual}_{x2_bf16,x4_f32,any_bf16,any_f32}, rmsnorm_residual_ring_bf16
// Host half  CudaBackend.RmsNorm.cs
// Source     ours.
#include "common/groups.cuh"
#include "common/ptx.cuh"
#include "common/reduce.cuh"

struct RmsNormParams {
    const void* x;
    const float* weight;
    const float* scale;  // null: 1
    void* y;
    int32_t rows;
    int32_t width;
    int32_t x_stride;
    int32_t y_stride;
    int32_t row_threads;
    float eps;
};
static_assert(sizeof(RmsNormParams) == 56);

struct ResidualNormParams {
    void* x;
    const void* y;
    const float* weight;  // null: y is added as it is
    const float* gate;    // null: 1
    const float* next_weight;
    const float* next_scale;  // null: 1
    void* h;                  // null: no second norm
    int32_t rows;
    int32_t width;
    int32_t x_stride;
    int32_t y_stride;
    int32_t h_stride;
    int32_t row_threads;
    float eps;
};
static_assert(sizeof(ResidualNormParams) == 88);

template <typename T, int kGroups>
static __device__ __forceinline__ float squares(const Group<T> (&x)[kGroups]) {
    float sum = 0.0f;
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
#pragma unroll
        for (int i = 0; i < kGroup; i++) sum = fmaf(x[j].get(i), x[j].get(i), sum);
    }
    return sum;
}

template <typename T, int kGroups>
static __device__ __forceinline__ void norm_rows(const RmsNormParams& p) {
    __shared__ float scratch[32];
    const RowPlace place(p.row_threads);
    if (place.row >= p.rows) return;
    const T* source = static_cast<const T*>(p.x) + place.row * p.x_stride;
    T* target = static_cast<T*>(p.y) + place.row * p.y_stride;
    Group<T> x[kGroups];
#pragma unroll
    for (int j = 0; j < kGroups; j++) x[j] = load_group(source, (place.lane + j * place.threads) * kGroup, p.width, true);
    const float factor = rsqrtf(row_sum(squares(x), place.threads, scratch) / p.width + p.eps);
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
        const int column = (place.lane + j * place.threads) * kGroup;
        float z[kGroup];
#pragma unroll
        for (int i = 0; i < kGroup; i++) z[i] = x[j].get(i) * factor;
        multiply_group(z, p.weight, column, p.width, true);
        multiply_group(z, p.scale, column, p.width, true);
        store_group(target, column, p.width, true, z);
    }
}

template <typename T, int kGroups>
static __device__ __forceinline__ void residual_rows(const ResidualNormParams& p) {
    __shared__ float scratch[2][32];
    const RowPlace place(p.row_threads);
    if (place.row >= p.rows) return;
    T* stream = static_cast<T*>(p.x) + place.row * p.x_stride;
    const T* source = static_cast<const T*>(p.y) + place.row * p.y_stride;
    Group<T> x[kGroups], y[kGroups];
#pragma unroll
    for (int j = 0; j < kGroups; j++) y[j] = load_group(source, (place.lane + j * place.threads) * kGroup, p.width, true);
#pragma unroll
    for (int j = 0; j < kGroups; j++) x[j] = load_group<T>(stream, (place.lane + j * place.threads) * kGroup, p.width, true);
    float factor = 1.0f;
    if (p.weight != nullptr) factor = rsqrtf(row_sum(squares(y), place.threads, scratch[0]) / p.width + p.eps);
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
        const int column = (place.lane + j * place.threads) * kGroup;
        float z[kGroup];
#pragma unroll
        for (int i = 0; i < kGroup; i++) z[i] = y[j].get(i) * factor;
        multiply_group(z, p.weight, column, p.width, true);
        multiply_group(z, p.gate, column, p.width, true);
#pragma unroll
        for (int i = 0; i < kGroup; i++) z[i] += x[j].get(i);
        x[j].set(z);  // rounded: the next norm is of what is stored
        store_group(stream, column, p.width, true, z);
    }
    if (p.h == nullptr) return;
    T* target = static_cast<T*>(p.h) + place.row * p.h_stride;
    factor = rsqrtf(row_sum(squares(x), place.threads, scratch[1]) / p.width + p.eps);
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
        const int column = (place.lane + j * place.threads) * kGroup;
        float z[kGroup];
#pragma unroll
        for (int i = 0; i < kGroup; i++) z[i] = x[j].get(i) * factor;
        multiply_group(z, p.next_weight, column, p.width, true);
        multiply_group(z, p.next_scale, column, p.width, true);
        store_group(target, column, p.width, true, z);
    }
}

// The residual operator for many rows of up to 128 * 8 * 4 bf16 elements: blocks that stay walk over the rows, keep the products of the vectors in
// registers (L1 would otherwise deliver twice the bytes of the rows), and ask for rows two turns ahead. A thread reads only what it copied itself, so
// the ring in shared memory needs no barrier, and the memory stays busy while the block reduces and stores.
constexpr int kStages = 3;
constexpr int kRingThreads = 128;

static __device__ __forceinline__ void residual_ring(const ResidualNormParams& p) {
    extern __shared__ Pack<uint32_t, 4> ring[];  // [stage][x, y][group][thread]
    __shared__ float scratch[4][32];
    constexpr int kGroups = 4, threads = kRingThreads;
    const uint32_t base = shared_address(ring) + threadIdx.x * 16;
    const auto slot = [&](int stage, int part, int j) { return ((stage * 2 + part) * kGroups + j) * threads; };
    const auto ask = [&](int64_t row, int stage) {
        if (row >= 0) {
            const bf16* x = static_cast<const bf16*>(p.x) + row * p.x_stride;
            const bf16* y = static_cast<const bf16*>(p.y) + row * p.y_stride;
#pragma unroll
            for (int j = 0; j < kGroups; j++) {
                const int column = (threadIdx.x + j * threads) * kGroup;
                if (column < p.width) {
                    cp_async_16(base + slot(stage, 1, j) * 16, y + column, 16);
                    cp_async_16(base + slot(stage, 0, j) * 16, x + column, 16);
                }
            }
        }
        cp_async_commit();
    };
    const int64_t first = p.rows - 1 - static_cast<int64_t>(blockIdx.x);  // from the last row to the first: see block_from_end
#pragma unroll
    for (int i = 0; i < kStages - 1; i++) ask(first - static_cast<int64_t>(i) * gridDim.x, i);

    float factors[kGroups][kGroup], next_factors[kGroups][kGroup];
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
        const int column = (threadIdx.x + j * threads) * kGroup;
#pragma unroll
        for (int i = 0; i < kGroup; i++) factors[j][i] = next_factors[j][i] = 1.0f;
        multiply_group(factors[j], p.weight, column, p.width, true);
        multiply_group(factors[j], p.gate, column, p.width, true);
        multiply_group(next_factors[j], p.next_weight, column, p.width, true);
        multiply_group(next_factors[j], p.next_scale, column, p.width, true);
    }

    int stage = 0, parity = 0;
    for (int64_t row = first; row >= 0; row -= gridDim.x) {
        ask(row - static_cast<int64_t>(kStages - 1) * gridDim.x, stage == 0 ? kStages - 1 : stage - 1);
        cp_async_wait<kStages - 1>();
        Group<bf16> x[kGroups], y[kGroups];
#pragma unroll
        for (int j = 0; j < kGroups; j++) {
            const bool inside = (threadIdx.x + j * threads) * kGroup < p.width;
            const Pack<uint32_t, 4> old = ring[slot(stage, 0, j) + threadIdx.x], add = ring[slot(stage, 1, j) + threadIdx.x];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                x[j].v[i] = inside ? old.v[i] : 0u;
                y[j].v[i] = inside ? add.v[i] : 0u;
            }
        }

        // Sums alternate between two pairs of scratch rows: a row's sums are read before any thread can be two rows further.
        float factor = 1.0f;
        if (p.weight != nullptr) factor = rsqrtf(row_sum(squares(y), threads, scratch[parity]) / p.width + p.eps);
        bf16* stream = static_cast<bf16*>(p.x) + row * p.x_stride;
#pragma unroll
        for (int j = 0; j < kGroups; j++) {
            float z[kGroup];
#pragma unroll
            for (int i = 0; i < kGroup; i++) z[i] = fmaf(y[j].get(i) * factor, factors[j][i], x[j].get(i));
            x[j].set(z);  // rounded: the next norm is of what is stored
            const int column = (threadIdx.x + j * threads) * kGroup;
            if (column < p.width) x[j].store(stream + column);
        }
        if (p.h != nullptr) {
            bf16* target = static_cast<bf16*>(p.h) + row * p.h_stride;
            factor = rsqrtf(row_sum(squares(x), threads, scratch[2 + parity]) / p.width + p.eps);
#pragma unroll
            for (int j = 0; j < kGroups; j++) {
                float z[kGroup];
#pragma unroll
                for (int i = 0; i < kGroup; i++) z[i] = x[j].get(i) * factor * next_factors[j][i];
                store_group(target, (threadIdx.x + j * threads) * kGroup, p.width, true, z);
            }
        }
        stage = stage == kStages - 1 ? 0 : stage + 1;
        parity ^= 1;
    }
}

template <typename T>
static __device__ __forceinline__ float any_factor(const T* x, const RowPlace& place, int width, float eps, float* scratch) {
    float sum = 0.0f;
#pragma unroll 1
    for (int i = place.lane; i < width; i += place.threads) sum = fmaf(to_float(x[i]), to_float(x[i]), sum);
    return rsqrtf(row_sum(sum, place.threads, scratch) / width + eps);
}

template <typename T>
static __device__ __forceinline__ void norm_any(const RmsNormParams& p) {
    __shared__ float scratch[32];
    const RowPlace place(p.row_threads);
    if (place.row >= p.rows) return;
    const T* x = static_cast<const T*>(p.x) + place.row * p.x_stride;
    T* y = static_cast<T*>(p.y) + place.row * p.y_stride;
    const float factor = any_factor(x, place, p.width, p.eps, scratch);
#pragma unroll 1
    for (int i = place.lane; i < p.width; i += place.threads) {
        y[i] = from_float<T>(to_float(x[i]) * factor * p.weight[i] * (p.scale == nullptr ? 1.0f : p.scale[i]));
    }
}

template <typename T>
static __device__ __forceinline__ void residual_any(const ResidualNormParams& p) {
    __shared__ float scratch[2][32];
    const RowPlace place(p.row_threads);
    if (place.row >= p.rows) return;
    T* x = static_cast<T*>(p.x) + place.row * p.x_stride;
    const T* y = static_cast<const T*>(p.y) + place.row * p.y_stride;
    float factor = p.weight == nullptr ? 1.0f : any_factor(y, place, p.width, p.eps, scratch[0]);
#pragma unroll 1
    for (int i = place.lane; i < p.width; i += place.threads) {
        const float z = to_float(y[i]) * factor * (p.weight == nullptr ? 1.0f : p.weight[i]) * (p.gate == nullptr ? 1.0f : p.gate[i]);
        x[i] = from_float<T>(to_float(x[i]) + z);
    }
    if (p.h == nullptr) return;

    // Each thread reads back what it wrote itself.
    T* h = static_cast<T*>(p.h) + place.row * p.h_stride;
    factor = any_factor(x, place, p.width, p.eps, scratch[1]);
#pragma unroll 1
    for (int i = place.lane; i < p.width; i += place.threads) {
        h[i] = from_float<T>(to_float(x[i]) * factor * p.next_weight[i] * (p.next_scale == nullptr ? 1.0f : p.next_scale[i]));
    }
}

#define RMSNORM_ENTRIES(suffix, T, groups)                                                                                            \
    extern "C" __global__ void __launch_bounds__(512) rmsnorm_norm_##suffix(const __grid_constant__ RmsNormParams p) {             \
        norm_rows<T, groups>(p);                                                                                                      \
    }                                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(512) rmsnorm_residual_##suffix(const __grid_constant__ ResidualNormParams p) {    \
        residual_rows<T, groups>(p);                                                                                                  \
    }

#define RMSNORM_ANY_ENTRIES(suffix, T)                                                                                                \
    extern "C" __global__ void __launch_bounds__(512) rmsnorm_norm_any_##suffix(const __grid_constant__ RmsNormParams p) {         \
        norm_any<T>(p);                                                                                                               \
    }                                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(512) rmsnorm_residual_any_##suffix(const __grid_constant__ ResidualNormParams p) { \
        residual_any<T>(p);                                                                                                           \
    }

#if BUILDS(ring_bf16)
extern "C" __global__ void __launch_bounds__(128, 4) rmsnorm_residual_ring_bf16(const __grid_constant__ ResidualNormParams p) { residual_ring(p); }
#endif
#if BUILDS(bf16)
RMSNORM_ENTRIES(x2_bf16, bf16, 2)
RMSNORM_ANY_ENTRIES(bf16, bf16)
#endif
#if BUILDS(f32)
RMSNORM_ENTRIES(x4_f32, float, 4)
RMSNORM_ANY_ENTRIES(f32, float)
#endif
