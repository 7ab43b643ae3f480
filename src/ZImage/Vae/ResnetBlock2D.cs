using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Vae;

/// <summary>y = shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x)))))); the 1x1 shortcut exists where channels change.</summary>
internal sealed class ResnetBlock2D
{
    private readonly string name;
    private readonly VaeOperators ops;
    private readonly int outChannels;
    private readonly GroupNormWeight norm1;
    private readonly GroupNormWeight norm2;
    private readonly ConvWeight conv1;
    private readonly ConvWeight conv2;
    private readonly ConvWeight? convShortcut;

    public ResnetBlock2D(string name, int inChannels, int outChannels, VaeOperators ops, WeightLoader weights)
    {
        this.name = name;
        this.ops = ops;
        this.outChannels = outChannels;
        norm1 = VaeOperators.ReadGroupNorm(name + ".norm1", inChannels, weights);
        conv1 = weights.Conv(name + ".conv1", outChannels, inChannels, 3);
        norm2 = VaeOperators.ReadGroupNorm(name + ".norm2", outChannels, weights);
        conv2 = weights.Conv(name + ".conv2", outChannels, outChannels, 3);
        if (inChannels != outChannels)
        {
            convShortcut = weights.Conv(name + ".conv_shortcut", outChannels, inChannels, 1);
        }
    }

    /// <summary>[1, h, w, inChannels] to [1, h, w, outChannels]; the input's block is returned to the workspace or reused.</summary>
    /// <remarks>
    /// The widest maps of the VAE live here, so memory decides the order: with a shortcut, it is taken first and the norm then works in
    /// place; without one, the input itself becomes the output.
    /// </remarks>
    public Tensor Forward(Tensor x, Workspace memory, ITensorProbe probe)
    {
        using BackendRange range = ops.Backend.Range(name);
        Tensor residual = x;
        Tensor normed;
        if (convShortcut is not null)
        {
            residual = ops.Rent(memory, x.Shape[1], x.Shape[2], outChannels);
            ops.Backend.Conv2d(x, convShortcut, ConvMode.Same, default, residual);
            normed = x;
        }
        else
        {
            normed = ops.Rent(memory, x.Shape[1], x.Shape[2], x.Shape[3]);
        }

        ops.GroupNorm(x, norm1, silu: true, normed);
        Tensor h = ops.Rent(memory, x.Shape[1], x.Shape[2], outChannels);
        ops.Backend.Conv2d(normed, conv1, ConvMode.Same, default, h);
        memory.Return(normed);
        ops.GroupNorm(h, norm2, silu: true, h);
        ops.Backend.Conv2d(h, conv2, ConvMode.Same, residual, residual);
        memory.Return(h);
        VaeOperators.Record(probe, name, residual);
        return residual;
    }
}
