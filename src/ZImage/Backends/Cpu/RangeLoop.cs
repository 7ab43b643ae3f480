using System.Runtime.Intrinsics;

namespace ZImage.Backends.Cpu;

/// <summary>The work on a range of rows or elements, written once for every vector width. A struct of pointers and sizes.</summary>
internal interface IRangeKernel
{
    /// <summary>Works on <paramref name="begin"/> .. <paramref name="end"/> - 1; several threads call it at once with ranges that do not overlap. Must not throw.</summary>
    void Run<TSimd, TVector>(long begin, long end)
        where TSimd : ISimd<TVector>
        where TVector : struct;
}

/// <summary>Cuts a range into equal parts for the worker pool and picks the vector width.</summary>
/// <remarks>The parts depend on the sizes alone, never on the number of threads.</remarks>
internal struct RangeLoop<TKernel> : IParallelBody
    where TKernel : struct, IRangeKernel
{
    public TKernel Kernel;
    public long Count;
    public long Part;
    public VectorWidth Level;

    public void Invoke(int index)
    {
        long begin = index * Part;
        long end = Math.Min(Count, begin + Part);
        switch (Level)
        {
            case VectorWidth.Bits512:
                Kernel.Run<Simd512, Vector512<float>>(begin, end);
                break;
            case VectorWidth.Bits256:
                Kernel.Run<Simd256, Vector256<float>>(begin, end);
                break;
            default:
                Kernel.Run<Simd128, Vector128<float>>(begin, end);
                break;
        }
    }
}

public sealed partial class CpuBackend
{
    // Waking the workers costs some microseconds: below this many elements the caller does the work alone.
    private const long ElementsAlone = 32 * 1024;
    private const long ElementsPerPart = 16 * 1024;

    /// <summary>Runs a kernel over <paramref name="count"/> rows of <paramref name="width"/> elements each; width 1 for a flat range.</summary>
    private void ForRange<TKernel>(long count, long width, TKernel kernel)
        where TKernel : struct, IRangeKernel
    {
        if (count == 0 || width == 0)
        {
            return;
        }

        long part = count * width <= ElementsAlone ? count : Math.Max(1, ElementsPerPart / width);

        // Very large ranges get larger parts, so that the number of parts stays an int.
        part = Math.Max(part, count / (1 << 20));
        RangeLoop<TKernel> loop = new() { Kernel = kernel, Count = count, Part = part, Level = Vectors };
        pool.For((int)((count + part - 1) / part), ref loop);
    }
}
