// activation: elementwise operators of the feed-forward layers and the modulation.
//
// Math       swiglu:     y = g * sigmoid(g) * u, [g, u] the halves of a row
//            silu:       y = x * sigmoid(x)
//            add:        x += y
//            modulation: of each row's chunks of `width`, the even ones become 1 + z, the odd ones tanh(z)
// Shapes     swiglu: gate_up [rows, 2 width], y [rows, width], rows may have gaps. silu, add: dense. modulation: [rows, row_length], y float.
// Precision  float, one rounding. bf16: ex2.approx and rcp.approx (2 ulp of float); f32: expf and a rounded division.
// Launch     256 threads, 8 elements a thread (swiglu, silu, add) or one (modulation); swiglu from the last row to the first.
// Bytes      swiglu 3 * rows * width * sizeof(T): S = 4160, width 10240, bf16, 4.2 TB/s: 60.9 us, the largest memory-bound item of a block.
// Measured   H200, 2026-11-23, in a graph, S = 4160, width 10240, bf16: swiglu 63.4 us (4.0 TB/s), silu 42.4 us,
//            add 62.7 us; modulation of 8 x 15360: 1.8 us. swiglu in a forward of the full model (zimage bench --kernels): 63.1 to 63.3 us.
// Entries    activation_{swiglu,silu,add,modulation}_{bf16,f32}
// Host half  CudaBackend.Activation.cs
// Source     ours.
#include "common/groups.cuh"

struct SwiGluParams {
    const void* gate_up;
    void* y;
    int32_t rows;
    int32_t width;
    int32_t x_stride;
    int32_t y_stride;
    int32_t groups;  // of 8 elements in a row, the last maybe partial; rows * groups < 2^31
    int32_t vector;  // rows are whole groups, every address 16-byte aligned
};
static_assert(sizeof(SwiGluParams) == 40);

struct ElementwiseParams {
    const void* x;
    void* y;
    int64_t count;
    int32_t vector;  // both addresses 16-byte aligned
};
static_assert(sizeof(ElementwiseParams) == 32);

struct ModulationParams {
    const void* x;
    float* y;
    int64_t count;
    int32_t row_length;
    int32_t x_stride;
    int32_t y_stride;
    int32_t width;
};
static_assert(sizeof(ModulationParams) == 40);

static __device__ __forceinline__ float fast_sigmoid(float x) {
    float e, y;
    asm("ex2.approx.f32 %0, %1;" : "=f"(e) : "f"(x * -1.4426950408889634f));
    asm("rcp.approx.f32 %0, %1;" : "=f"(y) : "f"(1.0f + e));
    return y;
}

template <typename T>
static __device__ __forceinline__ float silu(float x);

template <>
__device__ __forceinline__ float silu<bf16>(float x) {
    return x * fast_sigmoid(x);
}

template <>
__device__ __forceinline__ float silu<float>(float x) {
    return x / (1.0f + expf(-x));
}

template <typename T>
static __device__ __forceinline__ void swiglu(const SwiGluParams& p) {
    const uint32_t index = static_cast<uint32_t>(block_from_end()) * blockDim.x + threadIdx.x;
    const uint32_t row = index / static_cast<uint32_t>(p.groups);
    if (row >= static_cast<uint32_t>(p.rows)) return;
    const int column = static_cast<int>(index - row * p.groups) * kGroup;
    const T* source = static_cast<const T*>(p.gate_up) + static_cast<int64_t>(row) * p.x_stride;
    const Group<T> gate = load_group(source, column, p.width, p.vector != 0);
    const Group<T> up = load_group(source + p.width, column, p.width, p.vector != 0);
    float y[kGroup];
#pragma unroll
    for (int i = 0; i < kGroup; i++) y[i] = silu<T>(gate.get(i)) * up.get(i);
    store_group(static_cast<T*>(p.y) + static_cast<int64_t>(row) * p.y_stride, column, p.width, p.vector != 0, y);
}

// What is left of the dense tensor from a thread's group on, at most one group.
static __device__ __forceinline__ int left_of(const ElementwiseParams& p, int64_t start) {
    const int64_t left = p.count - start;
    return left < kGroup ? static_cast<int>(left) : kGroup;
}

template <typename T>
static __device__ __forceinline__ void silu_dense(const ElementwiseParams& p) {
    const int64_t start = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kGroup;
    if (start >= p.count) return;
    const int left = left_of(p, start);
    const bool vector = p.vector != 0 && left == kGroup;
    const Group<T> x = load_group(static_cast<const T*>(p.x) + start, 0, left, vector);
    float y[kGroup];
#pragma unroll
    for (int i = 0; i < kGroup; i++) y[i] = silu<T>(x.get(i));
    store_group(static_cast<T*>(p.y) + start, 0, left, vector, y);
}

// y += x, where y is the operator's x: the params' y is always what is written.
template <typename T>
static __device__ __forceinline__ void add_dense(const ElementwiseParams& p) {
    const int64_t start = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kGroup;
    if (start >= p.count) return;
    const int left = left_of(p, start);
    const bool vector = p.vector != 0 && left == kGroup;
    T* target = static_cast<T*>(p.y) + start;
    const Group<T> x = load_group(static_cast<const T*>(p.x) + start, 0, left, vector);
    const Group<T> y = load_group<T>(target, 0, left, vector);
    float z[kGroup];
#pragma unroll
    for (int i = 0; i < kGroup; i++) z[i] = y.get(i) + x.get(i);
    store_group(target, 0, left, vector, z);
}

template <typename T>
static __device__ __forceinline__ void modulation(const ModulationParams& p) {
    const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (index >= p.count) return;
    const int64_t row = index / p.row_length;
    const int column = static_cast<int>(index - row * p.row_length);
    const float z = to_float(static_cast<const T*>(p.x)[row * p.x_stride + column]);
    p.y[row * p.y_stride + column] = column / p.width % 2 == 0 ? 1.0f + z : tanhf(z);
}

#if BUILDS(bf16)
extern "C" __global__ void __launch_bounds__(256) activation_swiglu_bf16(const __grid_constant__ SwiGluParams p) { swiglu<bf16>(p); }
extern "C" __global__ void __launch_bounds__(256) activation_silu_bf16(const __grid_constant__ ElementwiseParams p) { silu_dense<bf16>(p); }
extern "C" __global__ void __launch_bounds__(256) activation_add_bf16(const __grid_constant__ ElementwiseParams p) { add_dense<bf16>(p); }
extern "C" __global__ void __launch_bounds__(256) activation_modulation_bf16(const __grid_constant__ ModulationParams p) { modulation<bf16>(p); }
#endif
#if BUILDS(f32)
extern "C" __global__ void __launch_bounds__(256) activation_swiglu_f32(const __grid_constant__ SwiGluParams p) { swiglu<float>(p); }
extern "C" __global__ void __launch_bounds__(256) activation_silu_f32(const __grid_constant__ ElementwiseParams p) { silu_dense<float>(p); }
extern "C" __global__ void __launch_bounds__(256) activation_add_f32(const __grid_constant__ ElementwiseParams p) { add_dense<float>(p); }
extern "C" __global__ void __launch_bounds__(256) activation_modulation_f32(const __grid_constant__ ModulationParams p) { modulation<float>(p); }
#endif
