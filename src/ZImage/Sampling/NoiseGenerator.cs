namespace ZImage.Sampling;

/// <summary>Whose normal numbers a seed stands for.</summary>
public enum NoiseGenerator
{
    /// <summary>PyTorch's CPU generator: MT19937 and the vectorised Box-Muller transform.</summary>
    TorchCpu,

    /// <summary>PyTorch's CUDA generator: Philox4x32-10 and cuRAND's Box-Muller transform.</summary>
    TorchCuda,
}
