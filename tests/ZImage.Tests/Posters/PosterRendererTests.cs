using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Posters.Rendering;

namespace ZImage.Tests.Posters;

/// <summary>The checker's idea of shapes, backgrounds and letters is the training's.</summary>
public sealed class PosterRendererTests
{
    [Test]
    public void Truth_is_the_picture_that_the_training_draws()
    {
        using (Assert.EnterMultipleScope())
        {
            for (int i = 1; i < PosterCases.Scenes.Count; i += 2)
            {
                ImageBuffer expected = PosterCases.Picture(i);
                ImageBuffer truth = PosterRenderer.Render(PosterCases.Scenes[i]);
                Assert.That((truth.Width, truth.Height), Is.EqualTo((expected.Width, expected.Height)));

                // Float32 there, partly float64 here: a value may round to the other side.
                int worst = truth.Rgb.Zip(expected.Rgb, (a, b) => Math.Abs(a - b)).Max();
                Assert.That(worst, Is.LessThanOrEqualTo(1), PosterCases.Scenes[i].Caption);
            }
        }
    }
}
