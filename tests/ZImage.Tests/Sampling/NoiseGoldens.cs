using ZImage.Tests.Golden;

namespace ZImage.Tests.Sampling;

/// <summary>The tensors of golden/noise, by name: PyTorch's own draws.</summary>
internal static class NoiseGoldens
{
    /// <summary>The tensor's elements. Absent goldens are a failure.</summary>
    public static float[] Get(string name)
    {
        using GoldenFile golden = GoldenFile.Open("noise", "noise.safetensors");
        return golden.Floats(name);
    }
}
