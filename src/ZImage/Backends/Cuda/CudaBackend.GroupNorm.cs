using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    private readonly CudaKernel[] groupNormKernels = new CudaKernel[5];

    /// <inheritdoc/>
    public void GroupNorm(Tensor x, Tensor weight, Tensor bias, int groups, float eps, bool silu, Tensor y)
    {
        OperatorChecks.GroupNorm(ActivationType, x, weight, bias, groups, y);
        if (x.Count == 0)
        {
            return;
        }

        (int items, int channels) = (x.Shape[0], x.Shape[3]);
        long pixels = (long)x.Shape[1] * x.Shape[2];
        GroupNormPlan plan = GroupNormPlan.Create(ActivationType, pixels, channels, ((x.Address | y.Address) & 15) == 0, Multiprocessors);
        long partialBytes = (long)items * groups * plan.Chunks * 2 * sizeof(float);
        nint scratch = Scratch(partialBytes + ((long)items * groups * 2 * sizeof(float)));
        GroupNormParams parameters = new()
        {
            X = x.Address,
            Y = y.Address,
            Weight = weight.Address,
            Bias = bias.Address,
            Partials = scratch,
            Statistics = scratch + (nint)partialBytes,
            Pixels = pixels,
            Channels = channels,
            Groups = groups,
            Chunks = plan.Chunks,
            ChunkRows = plan.ChunkRows,
            ApplyRows = plan.ApplyRows,
            Silu = silu ? 1 : 0,
            Eps = eps,
        };
        bool single = ActivationType == DType.F32;
        (CudaKernel stats, CudaKernel apply) = plan.Vectors
            ? (GroupNormKernel(0, single ? "groupnorm_stats_f32" : "groupnorm_stats_bf16"), GroupNormKernel(1, single ? "groupnorm_apply_f32" : "groupnorm_apply_bf16"))
            : (GroupNormKernel(2, single ? "groupnorm_stats_scalar_f32" : "groupnorm_stats_scalar_bf16"), GroupNormKernel(3, single ? "groupnorm_apply_scalar_f32" : "groupnorm_apply_scalar_bf16"));
        Launch(stats, new CudaGrid(plan.Chunks, items), plan.Threads, plan.SharedBytes, in parameters);
        Launch(GroupNormKernel(4, "groupnorm_finish"), new CudaGrid(groups, items), 128, 0, in parameters);
        Launch(apply, new CudaGrid(plan.ApplyBlocks, items), plan.Threads, 0, in parameters);
    }

    private CudaKernel GroupNormKernel(int slot, string entry)
    {
        ref CudaKernel kernel = ref groupNormKernels[slot];
        if (!kernel.IsLoaded)
        {
            int vector = slot == 0 ? 16 / ActivationType.SizeBytes() : 1;
            kernel = Kernel("groupnorm", entry, slot is 0 or 2 ? GroupNormPlan.SharedMost(vector, GroupNormPlan.MaxThreads) : 0);
        }

        return kernel;
    }
}

/// <summary>Mirrors GroupNormParams of kernels/groupnorm.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GroupNormParams
{
    public nint X;
    public nint Y;
    public nint Weight;
    public nint Bias;
    public nint Partials;
    public nint Statistics;
    public long Pixels;
    public int Channels;
    public int Groups;
    public int Chunks;
    public int ChunkRows;
    public int ApplyRows;
    public int Silu;
    public float Eps;
    public int Reserved;
}
