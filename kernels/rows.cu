// rows: copies of rows, between types where they differ.
//
// Math       copy:    16-byte pieces as they are
//            convert: elements by way of float; a source stride of 0 repeats one row (FillRows)
// Shapes     source, destination [rows, width], rows may have gaps; types bf16, f16, float at run time.
// Precision  exact, or one rounding to nearest even.
// Launch     256 threads; copy: a piece a thread, convert: an element a thread; grid (rows, pieces or columns / 256).
// Bytes      rows * width of both types.
// Measured   H200, 2026-11-23, in a graph: copy 4160 x 10240 bf16 43.7 us (3.9 TB/s); convert 4160 x 3840 bf16 to float 51 us (not on the hot path).
// Entries    rows_copy, rows_convert
// Host half  CudaBackend.Rows.cs
// Source     ours.
#include "common/convert.cuh"

struct RowsParams {
    const void* source;
    void* destination;
    int32_t count;  // pieces or elements of a row
    int32_t source_stride;
    int32_t destination_stride;
    int32_t source_type;
    int32_t destination_type;
};
static_assert(sizeof(RowsParams) == 40);

extern "C" __global__ void __launch_bounds__(256) rows_copy(const __grid_constant__ RowsParams p) {
    const int piece = blockIdx.y * blockDim.x + threadIdx.x;
    if (piece >= p.count) return;
    const int64_t row = blockIdx.x;
    const uint32_t* source = static_cast<const uint32_t*>(p.source) + (row * p.source_stride + piece) * 4;
    store_pack<uint32_t, 4>(static_cast<uint32_t*>(p.destination) + (row * p.destination_stride + piece) * 4, load_pack<uint32_t, 4>(source));
}

extern "C" __global__ void __launch_bounds__(256) rows_convert(const __grid_constant__ RowsParams p) {
    const int column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= p.count) return;
    const int64_t row = blockIdx.x;
    const float x = load_element(p.source, row * p.source_stride + column, p.source_type);
    store_element(p.destination, row * p.destination_stride + column, p.destination_type, x);
}
