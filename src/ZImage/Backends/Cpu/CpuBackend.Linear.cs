using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    private readonly GemmScratch scratch;

    /// <summary>The vector instructions that products use; tests choose narrower ones.</summary>
    internal VectorWidth Vectors { get; init; } = GemmLayout.Best;

    /// <inheritdoc/>
    public unsafe void Linear(Tensor x, LinearWeight weight, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(weight);
        int rows = x.Shape.Rank == 2 ? x.Shape[0] : -1;
        if (x.DType != DType.F32 || rows < 0 || x.Shape[1] != weight.InFeatures || weight.InFeatures == 0)
        {
            throw new ArgumentException($"A linear layer [{weight.OutFeatures}, {weight.InFeatures}] cannot read {x}.", nameof(x));
        }

        if (y.DType != DType.F32 || !y.IsDense || y.Shape.Rank != 2 || y.Shape[0] != rows || y.Shape[1] != weight.OutFeatures)
        {
            throw new ArgumentException($"A linear layer [{weight.OutFeatures}, {weight.InFeatures}] gives dense F32 [{rows}, {weight.OutFeatures}], not {y}.", nameof(y));
        }

        WeightPart* parts = stackalloc WeightPart[weight.Parts.Count];
        int end = 0;
        for (int i = 0; i < weight.Parts.Count; i++)
        {
            Tensor part = weight.Parts[i];
            end += part.Shape[0];
            parts[i] = new WeightPart(part.Address, (nint)part.RowStride * part.DType.SizeBytes(), part.DType, end);
        }

        MatrixRows source = new() { Address = x.Pointer<float>(), RowStride = x.RowStride };
        GemmCall call = new()
        {
            M = rows,
            N = weight.OutFeatures,
            K = weight.InFeatures,
            Parts = parts,
            Bias = weight.Bias.IsEmpty ? null : weight.Bias.Pointer<float>(),
            Y = y.Pointer<float>(),
        };
        Gemm.Run(Vectors, pool, scratch, ref source, call);

        KeepAlive(x, y);
        GC.KeepAlive(weight);
    }

    /// <summary>The rows of a matrix, with or without gaps between them.</summary>
    private unsafe struct MatrixRows : IRowSource
    {
        public float* Address;
        public nint RowStride;

        public readonly void Copy(int row, int rows, int k, int depth, float* to)
        {
            float* from = Address + (row * RowStride) + k;
            for (int r = 0; r < rows; r++, from += RowStride, to += GemmLayout.Stride)
            {
                Packing.Copy(from, depth, to);
            }
        }
    }
}
