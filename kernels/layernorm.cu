// layernorm: layer norm over rows, without bias.
//
// Math       y = (x - mean(x)) * rsqrt(var(x) + eps) * scale, var the biased variance.
// Shapes     x, y [rows, width], rows may have gaps; scale [width] float; y may be x. _x4: every address 16-byte aligned, rows of whole groups of 8
//            elements, up to 512 * 8 * 4, held in registers; _any reads the row again instead, whatever its width and place.
// Precision  float. The mean comes off before squaring, and what its rounding left comes off too: a row far from 0 keeps its digits.
// Launch     one block per row, or one warp per row and 4 rows per block; see RowGeometry.
// Bytes      2 * rows * width * sizeof(T); S = 4160, width 3840, bf16, 4.2 TB/s: 15.2 us. Once per forward.
// Measured   H200, 2026-11-23, in a graph, S = 4160, width 3840, bf16: 25.4 us.
// Entries    layernorm_{x4,any}_{bf16,f32}
// Host half  CudaBackend.LayerNorm.cs
// Source     ours.
#include "common/groups.cuh"
#include "common/reduce.cuh"

struct LayerNormParams {
    const void* x;
    const float* scale;
    void* y;
    int32_t rows;
    int32_t width;
    int32_t x_stride;
    int32_t y_stride;
    int32_t row_threads;
    float eps;
};
static_assert(sizeof(LayerNormParams) == 48);

template <typename T, int kGroups>
static __device__ __forceinline__ void layernorm_rows(const LayerNormParams& p) {
    __shared__ float scratch[3][32];
    const RowPlace place(p.row_threads);
    if (place.row >= p.rows) return;
    const T* source = static_cast<const T*>(p.x) + place.row * p.x_stride;
    T* target = static_cast<T*>(p.y) + place.row * p.y_stride;
    Group<T> x[kGroups];
    float sum = 0.0f;
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
        x[j] = load_group(source, (place.lane + j * place.threads) * kGroup, p.width, true);
#pragma unroll
        for (int i = 0; i < kGroup; i++) sum += x[j].get(i);
    }
    const float mean = row_sum(sum, place.threads, scratch[0]) / p.width;
    float deviations = 0.0f, squares = 0.0f;
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
        const int column = (place.lane + j * place.threads) * kGroup;
#pragma unroll
        for (int i = 0; i < kGroup; i++) {
            const float d = column + i < p.width ? x[j].get(i) - mean : 0.0f;
            deviations += d;
            squares = fmaf(d, d, squares);
        }
    }
    const float rest = row_sum(deviations, place.threads, scratch[1]) / p.width;
    const float factor = rsqrtf(row_sum(squares, place.threads, scratch[2]) / p.width - rest * rest + p.eps);
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
        const int column = (place.lane + j * place.threads) * kGroup;
        float z[kGroup];
#pragma unroll
        for (int i = 0; i < kGroup; i++) z[i] = (x[j].get(i) - mean - rest) * factor;
        multiply_group(z, p.scale, column, p.width, true);
        store_group(target, column, p.width, true, z);
    }
}

template <typename T>
static __device__ __forceinline__ void layernorm_any(const LayerNormParams& p) {
    __shared__ float scratch[3][32];
    const RowPlace place(p.row_threads);
    if (place.row >= p.rows) return;
    const T* x = static_cast<const T*>(p.x) + place.row * p.x_stride;
    T* y = static_cast<T*>(p.y) + place.row * p.y_stride;
    float sum = 0.0f;
#pragma unroll 1
    for (int i = place.lane; i < p.width; i += place.threads) sum += to_float(x[i]);
    const float mean = row_sum(sum, place.threads, scratch[0]) / p.width;
    float deviations = 0.0f, squares = 0.0f;
#pragma unroll 1
    for (int i = place.lane; i < p.width; i += place.threads) {
        const float d = to_float(x[i]) - mean;
        deviations += d;
        squares = fmaf(d, d, squares);
    }
    const float rest = row_sum(deviations, place.threads, scratch[1]) / p.width;
    const float factor = rsqrtf(row_sum(squares, place.threads, scratch[2]) / p.width - rest * rest + p.eps);
#pragma unroll 1
    for (int i = place.lane; i < p.width; i += place.threads) y[i] = from_float<T>((to_float(x[i]) - mean - rest) * factor * p.scale[i]);
}

#if BUILDS(bf16)
extern "C" __global__ void __launch_bounds__(512) layernorm_x4_bf16(const __grid_constant__ LayerNormParams p) { layernorm_rows<bf16, 4>(p); }
extern "C" __global__ void __launch_bounds__(512) layernorm_any_bf16(const __grid_constant__ LayerNormParams p) { layernorm_any<bf16>(p); }
#endif
#if BUILDS(f32)
extern "C" __global__ void __launch_bounds__(512) layernorm_x4_f32(const __grid_constant__ LayerNormParams p) { layernorm_rows<float, 4>(p); }
extern "C" __global__ void __launch_bounds__(512) layernorm_any_f32(const __grid_constant__ LayerNormParams p) { layernorm_any<float>(p); }
#endif
