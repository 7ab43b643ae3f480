using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Vae;

/// <summary>Scale and shift of a group norm.</summary>
/// <param name="Weight">[channels] F32.</param>
/// <param name="Bias">[channels] F32.</param>
internal readonly record struct GroupNormWeight(Tensor Weight, Tensor Bias);

/// <summary>What the VAE's blocks share: the backend, the number of groups, and memory in channels-last layout.</summary>
/// <param name="Backend">Where it runs.</param>
/// <param name="Groups">Groups of every group norm.</param>
internal sealed record VaeOperators(IBackend Backend, int Groups)
{
    /// <summary>Epsilon of every group norm of the VAE.</summary>
    private const float Eps = 1e-6f;

    /// <summary>Reads a group norm.</summary>
    public static GroupNormWeight ReadGroupNorm(string name, int channels, WeightLoader weights) =>
        new(weights.Vector(name + ".weight", channels), weights.Vector(name + ".bias", channels));

    /// <summary>Group norm, optional SiLU.</summary>
    public void GroupNorm(Tensor x, GroupNormWeight weight, bool silu, Tensor y) =>
        Backend.GroupNorm(x, weight.Weight, weight.Bias, Groups, Eps, silu, y);

    /// <summary>A map [1, height, width, channels].</summary>
    public Tensor Rent(Workspace memory, int height, int width, int channels) =>
        memory.Rent(Backend.ActivationType, 1, height, width, channels);

    /// <summary>Convolves into a new map and returns the input's block to the workspace.</summary>
    public Tensor Conv(Tensor x, ConvWeight weight, ConvMode mode, Workspace memory)
    {
        (int height, int width) = mode switch
        {
            ConvMode.Upsample2 => (x.Shape[1] * 2, x.Shape[2] * 2),
            ConvMode.Downsample2 => (x.Shape[1] / 2, x.Shape[2] / 2),
            _ => (x.Shape[1], x.Shape[2]),
        };
        Tensor y = Rent(memory, height, width, weight.OutChannels);
        Backend.Conv2d(x, weight, mode, default, y);
        memory.Return(x);
        return y;
    }

    /// <summary>Shows a map to the probe.</summary>
    public static void Record(ITensorProbe probe, string name, Tensor tensor)
    {
        if (probe.IsActive)
        {
            probe.Record(name, tensor);
        }
    }
}
