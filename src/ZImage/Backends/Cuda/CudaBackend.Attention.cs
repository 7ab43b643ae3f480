using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    private readonly CudaKernel[] attentionKernels = new CudaKernel[Enum.GetValues<AttentionKernel>().Length];

    /// <summary>Which attention kernels may be taken; ZIMAGE_ATTENTION at the start.</summary>
    internal AttentionPath AttentionPath { get; set; } = AttentionPlan.ParsePath(Environment.GetEnvironmentVariable("ZIMAGE_ATTENTION"));

    /// <inheritdoc/>
    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans)
    {
        OperatorChecks.Attention(ActivationType, q, k, v, y, heads, spans);
        bool aligned = IsAligned(q, heads) && IsAligned(k, heads) && IsAligned(v, heads) && IsAligned(y, heads);
        AttentionDevice limits = new(ComputeCapability, Multiprocessors, MaxSharedBytes);
        AttentionKernel kernel = AttentionPlan.Choose(ActivationType, heads, spans, aligned, limits, AttentionPath);
        AttentionLaunch launch = AttentionPlan.Launch(kernel);
        ref CudaKernel loaded = ref attentionKernels[(int)kernel];
        if (!loaded.IsLoaded)
        {
            loaded = Kernel(launch.Family, launch.Entry, launch.SharedBytes);
        }

        bool sm90 = kernel is AttentionKernel.Sm90Rows128 or AttentionKernel.Sm90Rows192;
        int most = sm90 ? AttentionSm90Params.MaxItems : AttentionParams.MaxItems;
        for (int start = 0; start < spans.Length; start += most)
        {
            ReadOnlySpan<AttentionSpan> part = spans.Slice(start, Math.Min(most, spans.Length - start));
            if (sm90)
            {
                LaunchAttentionSm90(loaded, launch, q, k, v, y, heads, part);
            }
            else
            {
                LaunchAttention(loaded, launch, q, k, v, y, heads, part);
            }
        }
    }

    private static float AttentionScale(AttentionHeads heads) => (float)(1 / (Math.Log(2) * Math.Sqrt(heads.HeadDim)));

    // The kernels move 8 elements of a head at once.
    private static bool IsAligned(Tensor x, AttentionHeads heads) => heads.HeadDim % 8 == 0 && x.RowStride % 8 == 0 && x.Address % 16 == 0;

    private void LaunchAttention(
        CudaKernel kernel, AttentionLaunch launch, Tensor q, Tensor k, Tensor v, Tensor y, AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans)
    {
        AttentionParams parameters = new()
        {
            Q = q.Address,
            K = k.Address,
            V = v.Address,
            Y = y.Address,
            HeadsPerKeyHead = heads.Heads / heads.KeyHeads,
            HeadDim = heads.HeadDim,
            Causal = heads.Causal ? 1 : 0,
            QueryStride = q.RowStride,
            KeyStride = k.RowStride,
            ValueStride = v.RowStride,
            OutputStride = y.RowStride,
            Scale = AttentionScale(heads),
        };
        int tiles = 0;
        foreach (AttentionSpan span in spans)
        {
            if (span.QueryCount > 0)
            {
                parameters.Items[parameters.ItemCount++] = Item(span, tiles);
                tiles += (span.QueryCount + launch.Rows - 1) / launch.Rows;
            }
        }

        if (tiles > 0)
        {
            Launch(kernel, new CudaGrid(tiles, heads.Heads), launch.Threads, launch.SharedBytes, in parameters);
        }
    }

    private void LaunchAttentionSm90(
        CudaKernel kernel, AttentionLaunch launch, Tensor q, Tensor k, Tensor v, Tensor y, AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans)
    {
        if (rehearsing)
        {
            return;
        }

        AttentionSm90Params parameters = new()
        {
            Q = HeadMap(q, 0, q.Shape[0], launch.Rows),
            Y = y.Address,
            Heads = heads.Heads,
            HeadsPerKeyHead = heads.Heads / heads.KeyHeads,
            OutputStride = y.RowStride,
            Scale = AttentionScale(heads),
        };
        foreach (AttentionSpan span in spans)
        {
            if (span.QueryCount > 0)
            {
                int item = parameters.ItemCount++;
                parameters.K[item] = HeadMap(k, span.KeyStart, span.KeyCount, AttentionPlan.Sm90Keys);
                parameters.V[item] = HeadMap(v, span.KeyStart, span.KeyCount, AttentionPlan.Sm90Keys);
                parameters.Items[item] = Item(span, parameters.TileCount);
                parameters.TileCount += (span.QueryCount + launch.Rows - 1) / launch.Rows * heads.Heads;
            }
        }

        // The blocks stay: each takes every n-th tile, and loads the next one's rows while it finishes.
        if (parameters.TileCount > 0)
        {
            Launch(kernel, new CudaGrid(Math.Min(parameters.TileCount, Multiprocessors)), launch.Threads, launch.SharedBytes, in parameters);
        }
    }

    private static AttentionItem Item(AttentionSpan span, int firstTile) => new()
    {
        QueryStart = span.QueryStart,
        QueryCount = span.QueryCount,
        KeyStart = span.KeyStart,
        KeyCount = span.KeyCount,
        FirstTile = firstTile,
    };

    /// <summary>The map of rows of a matrix whose boxes are 64 columns, half a head, by <paramref name="boxRows"/> rows.</summary>
    private static CUtensorMap HeadMap(Tensor x, int firstRow, int rows, int boxRows)
    {
        ulong rowBytes = (ulong)x.RowStride * sizeof(ushort);
        CudaResult result = CudaDriver.EncodeTiled(
            out CUtensorMap map,
            CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
            (nuint)x.Address + ((nuint)firstRow * (nuint)rowBytes),
            [(ulong)x.Shape[1], (ulong)rows],
            [rowBytes],
            [64, (uint)boxRows],
            CUtensorMapSwizzle.CU_TENSOR_MAP_SWIZZLE_128B,
            CUtensorMapL2promotion.CU_TENSOR_MAP_L2_PROMOTION_L2_128B);
        return result == CudaResult.CUDA_SUCCESS
            ? map
            : throw new DeviceException($"The driver makes no tensor map of rows {firstRow}..{firstRow + rows} of {x}: {result}.", "Set ZIMAGE_ATTENTION=mma.");
    }
}
