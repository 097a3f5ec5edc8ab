package traffit

import (
	"context"

	"github.com/kladka/kladka/internal/connector"
)

func (t *tenant) addFile(context.Context, *connector.AddFile, connector.Journal) (connector.Outcome, error) {
	return notYet("add a file")
}

func (t *tenant) addNote(context.Context, *connector.AddNote, connector.Journal) (connector.Outcome, error) {
	return notYet("add a note")
}

func (t *tenant) addResultLink(context.Context, *connector.AddResultLink, connector.Journal) (connector.Outcome, error) {
	return notYet("add a result link")
}

func (t *tenant) addTag(context.Context, *connector.AddTag, connector.Journal) (connector.Outcome, error) {
	return notYet("add a tag")
}

func (t *tenant) removeTag(context.Context, *connector.RemoveTag, connector.Journal) (connector.Outcome, error) {
	return notYet("remove a tag")
}

// uploadFile puts a file on a candidate as an effect of an action; name tells it from the others.
func (t *tenant) uploadFile(context.Context, connector.Journal, string, string, *connector.File) error {
	_, err := notYet("upload a file")
	return err
}

// Attachments lists the files of a candidate.
func (t *tenant) Attachments(context.Context, string) ([]connector.Attachment, error) {
	_, err := notYet("list files")
	return nil, err
}

// OpenAttachment begins to read a file's content.
func (t *tenant) OpenAttachment(context.Context, string, string) (connector.Content, error) {
	_, err := notYet("read a file")
	return connector.Content{}, err
}
