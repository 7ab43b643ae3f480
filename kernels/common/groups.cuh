// groups.cuh: eight consecutive elements of a row in registers, whatever the element type, width and alignment.
#pragma once
#include "types.cuh"

// Elements of a group: one 16-byte access in bf16.
constexpr int kGroup = 8;

// 16 bytes that the SM does not keep in its L1: row data is read once, while the weights that every row needs stay there.
static __device__ __forceinline__ Pack<uint32_t, 4> load_stream(const void* p) {
    Pack<uint32_t, 4> x;
    asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x.v[0]), "=r"(x.v[1]), "=r"(x.v[2]), "=r"(x.v[3])
                 : "l"(p)
                 : "memory");
    return x;
}

// Eight elements in their stored type, so that a row waits in half the registers when it is bf16.
template <typename T>
struct Group;

template <>
struct Group<bf16> {
    uint32_t v[4];

    __device__ __forceinline__ float get(int i) const { return i % 2 == 0 ? low_bf16(v[i / 2]) : high_bf16(v[i / 2]); }

    __device__ __forceinline__ void set(const float (&x)[kGroup]) {
#pragma unroll
        for (int i = 0; i < 4; i++) v[i] = pack_bf16x2(x[2 * i], x[2 * i + 1]);
    }

    __device__ __forceinline__ void load(const bf16* p) {
        const Pack<uint32_t, 4> x = load_stream(p);
#pragma unroll
        for (int i = 0; i < 4; i++) v[i] = x.v[i];
    }

    __device__ __forceinline__ void store(bf16* p) const {
        Pack<uint32_t, 4> x;
#pragma unroll
        for (int i = 0; i < 4; i++) x.v[i] = v[i];
        *reinterpret_cast<Pack<uint32_t, 4>*>(p) = x;
    }
};

template <>
struct Group<float> {
    float v[kGroup];

    __device__ __forceinline__ float get(int i) const { return v[i]; }

    __device__ __forceinline__ void set(const float (&x)[kGroup]) {
#pragma unroll
        for (int i = 0; i < kGroup; i++) v[i] = x[i];
    }

    __device__ __forceinline__ void load(const float* p) {
        const Pack<uint32_t, 4> low = load_stream(p), high = load_stream(p + 4);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            v[i] = __uint_as_float(low.v[i]);
            v[i + 4] = __uint_as_float(high.v[i]);
        }
    }

    __device__ __forceinline__ void store(float* p) const {
        Pack<float, 4> low, high;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            low.v[i] = v[i];
            high.v[i] = v[i + 4];
        }
        store_pack<float, 4>(p, low);
        store_pack<float, 4>(p + 4, high);
    }
};

// The group at `column` of a row of `width` elements; what lies beyond the row is 0. `vector` says that groups are whole and 16-byte aligned.
template <typename T>
static __device__ __forceinline__ Group<T> load_group(const T* row, int column, int width, bool vector) {
    Group<T> group;
    if (vector && column < width) {
        group.load(row + column);
    } else {
        float x[kGroup];
#pragma unroll
        for (int i = 0; i < kGroup; i++) x[i] = !vector && column + i < width ? to_float(row[column + i]) : 0.0f;
        group.set(x);
    }
    return group;
}

template <typename T>
static __device__ __forceinline__ void store_group(T* row, int column, int width, bool vector, const float (&x)[kGroup]) {
    if (vector) {
        if (column >= width) return;
        Group<T> group;
        group.set(x);
        group.store(row + column);
    } else {
#pragma unroll
        for (int i = 0; i < kGroup; i++) {
            if (column + i < width) row[column + i] = from_float<T>(x[i]);
        }
    }
}

// x *= the eight factors at `column`, which every row shares; a null vector is all ones.
static __device__ __forceinline__ void multiply_group(float (&x)[kGroup], const float* factors, int column, int width, bool vector) {
    if (factors == nullptr) return;
    if (vector) {
        if (column >= width) return;
        const Pack<float, 4> low = load_pack<float, 4>(factors + column), high = load_pack<float, 4>(factors + column + 4);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            x[i] *= low.v[i];
            x[i + 4] *= high.v[i];
        }
    } else {
#pragma unroll
        for (int i = 0; i < kGroup; i++) {
            if (column + i < width) x[i] *= factors[column + i];
        }
    }
}

// The block's number from the end. Kernels between two matrix products go from the last row to the first: the product before wrote the last rows
// last, so they are still in L2, and the product after starts with the first rows and finds them there.
static __device__ __forceinline__ int block_from_end() { return static_cast<int>(gridDim.x - 1 - blockIdx.x); }

// Which row a thread works on, and as which of the row's threads. A row has one warp (then a block has several rows) or the whole block.
struct RowPlace {
    int64_t row;
    int lane;
    int threads;

    __device__ __forceinline__ explicit RowPlace(int row_threads) : threads(row_threads) {
        const bool warp = row_threads == 32;
        row = warp ? static_cast<int64_t>(blockIdx.x) * (blockDim.x >> 5) + (threadIdx.x >> 5) : static_cast<int64_t>(blockIdx.x);
        lane = warp ? threadIdx.x & 31 : threadIdx.x;
    }
};
