using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>activation_swiglu_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SwiGluParams
{
    public nint GateUp;
    public nint Y;
    public int Rows;
    public int Width;
    public int XStride;
    public int YStride;
    public int Groups;
    public int Vector;
}

/// <summary>Parameters of <c>activation_silu_*</c> and <c>activation_add_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ElementwiseParams
{
    public nint X;
    public nint Y;
    public long Count;
    public int Vector;
}

/// <summary>Parameters of <c>activation_modulation_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ModulationParams
{
    public nint X;
    public nint Y;
    public long Count;
    public int RowLength;
    public int XStride;
    public int YStride;
    public int Width;
}

public sealed partial class CudaBackend
{
    // Threads of a block of the kernels that work element by element.
    private const int ElementThreads = 256;

    private CudaKernel swiGlu;
    private CudaKernel siluDense;
    private CudaKernel addDense;
    private CudaKernel modulation;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">More than 2^34 elements.</exception>
    public void SwiGlu(Tensor gateUp, Tensor y)
    {
        OperatorChecks.SwiGlu(ActivationType, gateUp, y);
        if (y.Count == 0)
        {
            return;
        }

        int groups = RowGeometry.CeilDiv(y.RowLength, RowGeometry.Group);
        if ((long)groups * y.RowCount > int.MaxValue - ElementThreads)
        {
            throw new ArgumentException($"SwiGlu takes at most 2^31 groups of {RowGeometry.Group} elements, not {y}.", nameof(y));
        }

        SwiGluParams parameters = new()
        {
            GateUp = gateUp.Address,
            Y = y.Address,
            Rows = y.RowCount,
            Width = y.RowLength,
            XStride = gateUp.RowStride,
            YStride = y.RowStride,
            Groups = groups,
            Vector = HasWholeGroups(y) && IsVectorAligned(gateUp) && IsVectorAligned(y) ? 1 : 0,
        };
        CudaKernel kernel = ForActivations(ref swiGlu, "activation", "activation_swiglu");
        Launch(kernel, new CudaGrid(RowGeometry.BlocksFor((long)groups * y.RowCount, ElementThreads)), ElementThreads, 0, in parameters);
    }

    /// <inheritdoc/>
    public void Silu(Tensor x, Tensor y)
    {
        OperatorChecks.DensePair(nameof(Silu), ActivationType, x, y);
        LaunchDense(ForActivations(ref siluDense, "activation", "activation_silu"), x, y);
    }

    /// <inheritdoc/>
    public void Add(Tensor x, Tensor y)
    {
        OperatorChecks.DensePair(nameof(Add), ActivationType, x, y);

        // The kernel adds to its y, the operator to its x.
        LaunchDense(ForActivations(ref addDense, "activation", "activation_add"), y, x);
    }

    /// <inheritdoc/>
    public void Modulation(Tensor x, int width, Tensor y)
    {
        OperatorChecks.Modulation(ActivationType, x, width, y);
        if (x.Count == 0)
        {
            return;
        }

        ModulationParams parameters = new()
        {
            X = x.Address,
            Y = y.Address,
            Count = x.Count,
            RowLength = x.RowLength,
            XStride = x.RowStride,
            YStride = y.RowStride,
            Width = width,
        };
        CudaKernel kernel = ForActivations(ref modulation, "activation", "activation_modulation");
        Launch(kernel, new CudaGrid(RowGeometry.BlocksFor(x.Count, ElementThreads)), ElementThreads, 0, in parameters);
    }

    private void LaunchDense(CudaKernel kernel, Tensor x, Tensor y)
    {
        if (x.Count == 0)
        {
            return;
        }

        ElementwiseParams parameters = new()
        {
            X = x.Address,
            Y = y.Address,
            Count = x.Count,
            Vector = x.Address % 16 == 0 && y.Address % 16 == 0 ? 1 : 0,
        };
        Launch(kernel, new CudaGrid(RowGeometry.BlocksFor(x.Count, ElementThreads * RowGeometry.Group)), ElementThreads, 0, in parameters);
    }
}
