using System.Numerics;
using System.Runtime.CompilerServices;

namespace ZImage.Backends.Cpu;

/// <summary>The left operand of a product: something that can write a block of rows.</summary>
internal unsafe interface IRowSource
{
    /// <summary>Writes elements <paramref name="k"/> .. + <paramref name="depth"/> of some rows, <see cref="GemmLayout.Stride"/> floats apart.</summary>
    void Copy(int row, int rows, int k, int depth, float* to);
}

/// <summary>One product Y [M, N] = A·Wᵀ + bias + residual.</summary>
internal unsafe struct GemmCall
{
    /// <summary>Rows of A and Y.</summary>
    public int M;

    /// <summary>Columns of Y, rows of W.</summary>
    public int N;

    /// <summary>Inner dimension.</summary>
    public int K;

    /// <summary>The parts of W, stacked.</summary>
    public WeightPart* Parts;

    /// <summary>[N], or null.</summary>
    public float* Bias;

    /// <summary>[M, N] dense, may be <see cref="Y"/>; or null.</summary>
    public float* Residual;

    /// <summary>[M, N] dense.</summary>
    public float* Y;
}

/// <summary>
/// Matrix products Y = A·Wᵀ in single precision over blocks that stay in the caches.
/// </summary>
/// <remarks>
/// Every weight is read, widened and packed once per call. Sums over one block of the inner dimension are made by
/// <see cref="IGemmKernel.Multiply"/>; the blocks are added in ascending order, then the bias, then the residual. Nothing in that depends on
/// the number of rows, on the other rows, or on the number of threads: an element of Y has the same bits in every batch.
/// </remarks>
internal static unsafe class Gemm
{
    /// <summary>Rows of A packed at a time: with 256 floats each they take 204 KiB of the second-level cache.</summary>
    private const int BlockRows = 192;

    /// <summary>Columns of a task; its sums take up to 396 KiB of the second-level cache.</summary>
    private const int BlockColumns = 512;

    /// <summary>Floats of packed weights held at a time (64 MiB).</summary>
    private const long StripFloats = 16L << 20;

    /// <summary>Computes one product with the given instructions.</summary>
    public static void Run<TSource>(VectorWidth width, WorkerPool pool, GemmScratch scratch, ref TSource source, in GemmCall call)
        where TSource : struct, IRowSource
    {
        if (call.M == 0 || call.N == 0)
        {
            return;
        }

        switch (width)
        {
            case VectorWidth.Bits512:
                Run<GemmKernel512, TSource>(pool, scratch, ref source, call);
                break;
            case VectorWidth.Bits256:
                Run<GemmKernel256, TSource>(pool, scratch, ref source, call);
                break;
            default:
                Run<GemmKernel128, TSource>(pool, scratch, ref source, call);
                break;
        }
    }

    private static void Run<TKernel, TSource>(WorkerPool pool, GemmScratch scratch, ref TSource source, in GemmCall call)
        where TKernel : struct, IGemmKernel
        where TSource : struct, IRowSource
    {
        if (call.M <= BlockRows)
        {
            RunFewRows<TKernel, TSource>(pool, scratch, ref source, call);
        }
        else
        {
            RunManyRows<TKernel, TSource>(pool, scratch, ref source, call);
        }
    }

    /// <summary>
    /// All rows fit one block: A is packed once, then each task packs one panel block after another into its own cache and uses it at once.
    /// The weights pass by in their stored width, which is what bounds the time for a row or two.
    /// </summary>
    private static void RunFewRows<TKernel, TSource>(WorkerPool pool, GemmScratch scratch, ref TSource source, in GemmCall call)
        where TKernel : struct, IGemmKernel
        where TSource : struct, IRowSource
    {
        int depths = (call.K + GemmLayout.Depth - 1) / GemmLayout.Depth;
        float* a = scratch.Shared((long)depths * call.M * GemmLayout.Stride);
        scratch.Reserve((GemmLayout.Stride * 2L * TKernel.Columns) + ((long)call.M * TKernel.Columns));
        RowsBody<TSource> rows = new() { Source = source, Call = call, To = a };
        pool.For(depths, ref rows);
        PanelTasks<TKernel> panels = new() { Scratch = scratch, Call = call, A = a };
        pool.For((call.N + TKernel.Columns - 1) / TKernel.Columns, ref panels);
    }

    /// <summary>
    /// Strip by strip: all threads pack a strip of W over the whole inner dimension; then each task makes one block of Y, packing its rows of A as it goes.
    /// </summary>
    private static void RunManyRows<TKernel, TSource>(WorkerPool pool, GemmScratch scratch, ref TSource source, in GemmCall call)
        where TKernel : struct, IGemmKernel
        where TSource : struct, IRowSource
    {
        int columns = TKernel.Columns;
        int panels = (call.N + columns - 1) / columns;
        long panelFloats = (long)GemmLayout.PanelDepth(call.K) * columns;
        int strips = (int)((panels + Math.Max(1, StripFloats / panelFloats) - 1) / Math.Max(1, StripFloats / panelFloats));
        int stripPanels = (panels + strips - 1) / strips;

        // Even blocks, in whole kernel tiles; then narrower tasks until every thread has several.
        int blocks = (call.M + BlockRows - 1) / BlockRows;
        int blockRows = (((call.M + blocks - 1) / blocks) + TKernel.Rows - 1) / TKernel.Rows * TKernel.Rows;
        blocks = (call.M + blockRows - 1) / blockRows;
        int groups = ((stripPanels * columns) + BlockColumns - 1) / BlockColumns;
        while (groups < stripPanels && (long)groups * blocks < 6L * pool.Threads)
        {
            groups = Math.Min(stripPanels, 2 * groups);
        }

        int groupPanels = (stripPanels + groups - 1) / groups;
        int cStride = (groupPanels * columns) + 16;
        float* strip = scratch.Shared(stripPanels * panelFloats);
        scratch.Reserve(((long)columns * GemmLayout.Stride) + ((long)blockRows * (GemmLayout.Stride + cStride)));

        for (int first = 0; first < panels; first += stripPanels)
        {
            int count = Math.Min(stripPanels, panels - first);
            PackBody<TKernel> pack = new() { Scratch = scratch, Call = call, FirstPanel = first, PanelFloats = panelFloats, To = strip };
            pool.For(count, ref pack);
            BlockBody<TKernel, TSource> body = new()
            {
                Scratch = scratch,
                Source = source,
                Call = call,
                Strip = strip,
                FirstPanel = first,
                Panels = count,
                PanelFloats = panelFloats,
                GroupPanels = groupPanels,
                Blocks = blocks,
                BlockRows = blockRows,
                SumStride = cStride,
            };
            pool.For((count + groupPanels - 1) / groupPanels * blocks, ref body);
        }
    }

    /// <summary>Y = sums + bias + residual for one block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish(in GemmCall call, float* sums, nint sumStride, int row, int rows, int column, int columns)
    {
        float* bias = call.Bias == null ? null : call.Bias + column;
        for (int r = 0; r < rows; r++, sums += sumStride)
        {
            long offset = ((long)(row + r) * call.N) + column;
            float* y = call.Y + offset;
            float* residual = call.Residual == null ? null : call.Residual + offset;
            int i = 0;
            for (; i <= columns - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector<float> value = Vector.Load(sums + i);
                if (bias != null)
                {
                    value += Vector.Load(bias + i);
                }

                if (residual != null)
                {
                    value += Vector.Load(residual + i);
                }

                value.Store(y + i);
            }

            for (; i < columns; i++)
            {
                float value = sums[i];
                if (bias != null)
                {
                    value += bias[i];
                }

                if (residual != null)
                {
                    value += residual[i];
                }

                y[i] = value;
            }
        }
    }

    /// <summary>Packs all rows of A, one block of the inner dimension an iteration.</summary>
    private struct RowsBody<TSource> : IParallelBody
        where TSource : struct, IRowSource
    {
        public TSource Source;
        public GemmCall Call;
        public float* To;

        public void Invoke(int index)
        {
            int k = index * GemmLayout.Depth;
            Source.Copy(0, Call.M, k, Math.Min(GemmLayout.Depth, Call.K - k), To + ((long)index * Call.M * GemmLayout.Stride));
        }
    }

    /// <summary>Packs one panel of W and multiplies all rows with it.</summary>
    private struct PanelTasks<TKernel> : IParallelBody
        where TKernel : struct, IGemmKernel
    {
        public GemmScratch Scratch;
        public GemmCall Call;
        public float* A;

        public void Invoke(int index)
        {
            float* rows = Scratch.Take(out int slot);
            float* panel = rows + (TKernel.Columns * GemmLayout.Stride);
            float* sums = panel + (TKernel.Columns * GemmLayout.Stride);
            int column = index * TKernel.Columns;
            float* a = A;
            for (int k = 0; k < Call.K; k += GemmLayout.Depth, a += (long)Call.M * GemmLayout.Stride)
            {
                int depth = Math.Min(GemmLayout.Depth, Call.K - k);
                Packing.Panel<TKernel>(Call.Parts, column, Call.N, k, depth, rows, panel);
                TKernel.Multiply(Call.M, a, panel, depth, sums, TKernel.Columns, k > 0);
            }

            Finish(Call, sums, TKernel.Columns, 0, Call.M, column, Math.Min(TKernel.Columns, Call.N - column));
            Scratch.Release(slot);
        }
    }

    /// <summary>Packs one panel of a strip over the whole inner dimension.</summary>
    private struct PackBody<TKernel> : IParallelBody
        where TKernel : struct, IGemmKernel
    {
        public GemmScratch Scratch;
        public GemmCall Call;
        public int FirstPanel;
        public long PanelFloats;
        public float* To;

        public void Invoke(int index)
        {
            float* rows = Scratch.Take(out int slot);
            float* to = To + (index * PanelFloats);
            for (int k = 0; k < Call.K; k += GemmLayout.Depth)
            {
                int depth = Math.Min(GemmLayout.Depth, Call.K - k);
                Packing.Panel<TKernel>(Call.Parts, (FirstPanel + index) * TKernel.Columns, Call.N, k, depth, rows, to + ((long)k * TKernel.Columns));
            }

            Scratch.Release(slot);
        }
    }

    /// <summary>Makes one block of Y. Consecutive iterations share the panels and differ in the rows, so that the panels stay in the shared cache.</summary>
    private struct BlockBody<TKernel, TSource> : IParallelBody
        where TKernel : struct, IGemmKernel
        where TSource : struct, IRowSource
    {
        public GemmScratch Scratch;
        public TSource Source;
        public GemmCall Call;
        public float* Strip;
        public int FirstPanel;
        public int Panels;
        public long PanelFloats;
        public int GroupPanels;
        public int Blocks;
        public int BlockRows;
        public int SumStride;

        public void Invoke(int index)
        {
            float* a = Scratch.Take(out int slot);
            float* sums = a + (BlockRows * GemmLayout.Stride);
            int row = index % Blocks * BlockRows;
            int rows = Math.Min(BlockRows, Call.M - row);
            int from = index / Blocks * GroupPanels;
            int count = Math.Min(GroupPanels, Panels - from);
            for (int k = 0; k < Call.K; k += GemmLayout.Depth)
            {
                int depth = Math.Min(GemmLayout.Depth, Call.K - k);
                Source.Copy(row, rows, k, depth, a);
                for (int p = 0; p < count; p++)
                {
                    float* panel = Strip + ((from + p) * PanelFloats) + ((long)k * TKernel.Columns);
                    TKernel.Multiply(rows, a, panel, depth, sums + (p * TKernel.Columns), SumStride, k > 0);
                }
            }

            int column = (FirstPanel + from) * TKernel.Columns;
            Finish(Call, sums, SumStride, row, rows, column, Math.Min(count * TKernel.Columns, Call.N - column));
            Scratch.Release(slot);
        }
    }
}
