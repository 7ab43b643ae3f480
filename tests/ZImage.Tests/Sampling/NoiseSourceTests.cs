using NUnit.Framework;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage.Tests.Sampling;

public sealed class NoiseSourceTests
{
    private static readonly Shape Latents = new(2, 16, 4, 4);

    [TestCase(NoiseGenerator.TorchCpu)]
    [TestCase(NoiseGenerator.TorchCuda)]
    public void Posterior_noise_is_the_first_draw_and_initial_noise_the_second(NoiseGenerator kind)
    {
        GenerationRequest request = new("a cat") { Seed = 12, Rng = kind };
        float[] first = new float[256];
        float[] second = new float[512];
        TorchGenerator generator = TorchGenerator.Create(kind, 12);
        generator.Normal(first);
        generator.Normal(second);

        NoiseSource source = new(request);
        HostTensor posterior = source.PosteriorNoise(new Shape(1, 16, 4, 4));
        HostTensor initial = source.InitialNoise(Latents);
        Assert.That(posterior.Values, Is.EqualTo(first));
        Assert.That(initial.Values, Is.EqualTo(second));
        Assert.That(initial.Shape, Is.EqualTo(Latents));
    }

    [Test]
    public void Posterior_noise_after_the_initial_noise_is_refused()
    {
        NoiseSource source = new(new GenerationRequest("a cat") { Seed = 12 });
        source.InitialNoise(Latents);
        Assert.That(() => source.PosteriorNoise(Latents), Throws.InvalidOperationException);
    }

    [Test]
    public void Given_latents_replace_the_draw_and_must_fit()
    {
        HostTensor given = new(new float[512], Latents);
        NoiseSource source = new(new GenerationRequest("a cat") { Seed = 12, Latents = given });
        Assert.That(source.InitialNoise(Latents), Is.SameAs(given));
        Assert.That(
            () => source.InitialNoise(new Shape(1, 16, 4, 4)),
            Throws.TypeOf<InvalidRequestException>().With.Message.Contains("[2, 16, 4, 4]").And.Message.Contains("[1, 16, 4, 4]"));
    }

    [Test]
    public void Request_without_a_seed_gets_one_that_repeats_its_noise()
    {
        NoiseSource source = new(new GenerationRequest("a cat"));
        HostTensor noise = source.InitialNoise(Latents);
        NoiseSource again = new(new GenerationRequest("a cat") { Seed = source.Seed });
        Assert.That(again.InitialNoise(Latents).Values, Is.EqualTo(noise.Values));
        Assert.That(source.Seed, Is.LessThan(1ul << 32));
    }

    [Test]
    public void Impossible_gpu_is_an_invalid_request()
    {
        GenerationRequest request = new("a cat") { Rng = NoiseGenerator.TorchCuda, RngMultiprocessors = 0 };
        Assert.That(() => new NoiseSource(request), Throws.TypeOf<InvalidRequestException>());
    }
}
